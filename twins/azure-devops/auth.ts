/** Basic credentials as Azure DevOps takes them: any user name, a personal access token as the password. */
import { timingSafeEqual } from 'node:crypto';
import type { Role } from './world.ts';

export type Credentials = { builds: string; code: string; developer: string };

export function basicPassword(header: string | undefined): string | undefined {
  const match = /^basic\s+(\S+)$/i.exec(header ?? '');
  if (!match?.[1]) return undefined;
  const pair = Buffer.from(match[1], 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return colon === -1 ? undefined : pair.slice(colon + 1);
}

/** The developer wins where one password stands for several roles: it may do the most. */
export function roleOf(header: string | undefined, credentials: Credentials): Role | undefined {
  const password = basicPassword(header);
  if (password === undefined || password === '') return undefined;
  const roles: Role[] = ['developer', 'code', 'builds'];
  return roles.find((role) => sameText(credentials[role], password));
}

export function sameText(left: string, right: string): boolean {
  const a = Buffer.from(left);
  const b = Buffer.from(right);
  return a.length === b.length && timingSafeEqual(a, b);
}
