import { createMiddleware } from 'hono/factory';
import type { Env } from '../env.ts';

/** By our naming rule a field with such a name is an instant, and a number in it is epoch milliseconds. */
const INSTANT = /^(?:at|since|until|[a-z]\w*At)$/;

/** What was recorded is shown as it was: its digest is over exactly that, or strangers named its fields. */
const RECORDED: ReadonlySet<string> = new Set([
  'data',
  'state',
  'evidence',
  'body',
  'spec',
  'reported',
  'checkpoint',
  'result',
]);

/** Instants as ISO-8601 UTC; every other number, and all recorded content, as it is. Pure. */
export function withShownTimes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withShownTimes);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, RECORDED.has(name) ? member : shown(name, member)]),
  );
}

function shown(name: string, member: unknown): unknown {
  if (typeof member !== 'number') return withShownTimes(member);
  const isInstant = INSTANT.test(name) && Math.abs(member) <= 8.64e15;
  return isInstant ? new Date(member).toISOString() : member;
}

/** The one door where times leave: behind it they are epoch milliseconds, before it ISO-8601 UTC. */
export const showTimes = createMiddleware<{ Bindings: Env }>(async (context, next) => {
  await next();
  const { res } = context;
  if (!res.headers.get('content-type')?.startsWith('application/json')) return;
  const value: unknown = await res.json();
  const headers = new Headers(res.headers);
  headers.delete('content-length');
  context.res = new Response(JSON.stringify(withShownTimes(value)), { status: res.status, headers });
});
