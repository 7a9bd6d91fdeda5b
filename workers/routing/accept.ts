import type { InboxAnswer, InboxRpc, Source } from '../../durable-objects/inbox/inbox-rpc.ts';
import { inboxShard } from '../../durable-objects/stubs.ts';
import { INLINE_LIMIT_BYTES, putArtifact } from '../artifacts.ts';
import type { Env } from '../env.ts';
import { Refusal } from '../problems.ts';
import { eventIdOf, shardOf } from './event-ids.ts';
import type { InboxPayload } from './inbox-event.ts';

export interface Incoming {
  source: Source;
  delivery: string;
  type: string;
  receivedAt: number;
  /** Null: kept for inspection only, because of `refusedBecause`. */
  payload: InboxPayload | null;
  refusedBecause: string | null;
  /** The body as received, or as much of it as was read. */
  body: string | null;
}

export interface Accepted {
  event: string;
  status: Exclude<InboxAnswer, 'busy'>;
}

/** Commits an event in its Inbox; when this returns, it survives a crash. Large bodies go to R2 first. */
export async function acceptEvent(env: Env, incoming: Incoming): Promise<Accepted> {
  const event = eventIdOf(incoming.source, incoming.delivery);
  const large = incoming.body === null ? null : bytesIfLarge(incoming.body);
  const artifact =
    large === null
      ? null
      : await putArtifact(env.ARTIFACTS, large, {
          name: `body-${event}`,
          contentType: 'text/plain; charset=utf-8',
        });
  const { status } = await inboxShard(env, shardOf(event)).accept({
    ...incoming,
    id: event,
    body: large === null ? incoming.body : null,
    bodyArtifact: artifact,
  });
  if (status === 'busy') throw new Refusal('unavailable', 'too many events wait; send it again later');
  return { event, status };
}

/** Null: it travels as it is. A character is three bytes at most: what is short need not be measured. */
function bytesIfLarge(text: string): Uint8Array | null {
  if (text.length * 3 <= INLINE_LIMIT_BYTES) return null;
  const bytes = new TextEncoder().encode(text);
  return bytes.byteLength > INLINE_LIMIT_BYTES ? bytes : null;
}

/** Puts an action that belongs to no event on the audit chain of some shard. */
export async function auditAction(
  env: Env,
  action: Parameters<InboxRpc['audit']>[0],
  shard = crypto.getRandomValues(new Uint8Array(1))[0] ?? 0,
): Promise<void> {
  await inboxShard(env, shard % 16).audit(action);
}
