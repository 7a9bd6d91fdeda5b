/**
 * What an agent may not do in its own container, decided from the call's words alone. A guard against
 * accidents and plain injections, and a signal to the operator: the walls are the container and the gateway,
 * since a shell has endless ways to say the same thing.
 */
export type Verdict = { allowed: true } | { allowed: false; rule: string; reason: string };

export const deny = (rule: string, reason: string): Verdict => ({ allowed: false, rule, reason });

/** Absolute path without `.` and `..`, relative ones taken from `folder`. */
export function resolvePath(path: string, folder: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${folder}/${path}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

export const inside = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(`${folder}/`);
