import type { ScheduleToken } from '../../durable-objects/scheduler/scheduler-rpc.ts';
import { hexOf, sha256Of } from '../artifacts.ts';
import { matchesSecret } from '../constant-time.ts';

const TOKEN = /^dws_[0-9a-f]{64}$/;

const random = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes));

/** A token of 256 random bits, to be shown once, and what is kept of it. */
export async function newScheduleToken(): Promise<{ token: string; kept: ScheduleToken }> {
  const token = `dws_${hexOf(random(32))}`;
  const salt = hexOf(random(16));
  return { token, kept: { salt, hash: await hashOf(salt, token) } };
}

/** Nobody’s: it is compared with when there is no token, so that this takes the same time and path. */
const NOBODY: ScheduleToken = { salt: '0'.repeat(32), hash: '0'.repeat(64) };

/** Compares in constant time; a schedule that does not exist is like a wrong token. */
export async function matchesToken(given: string, kept: ScheduleToken | null): Promise<boolean> {
  const { salt, hash } = kept ?? NOBODY;
  return matchesSecret(await hashOf(salt, given), [hash]);
}

/** What has another shape was never a token of ours. */
export const looksLikeToken = (given: string | null): given is string => given !== null && TOKEN.test(given);

const hashOf = (salt: string, token: string): Promise<string> =>
  sha256Of(new TextEncoder().encode(`${salt}\n${token}`));
