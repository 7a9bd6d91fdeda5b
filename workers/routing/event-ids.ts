import { derivedId } from '../../core/contracts/ids.ts';
import { sha256Bytes } from '../../durable-objects/shared/journal.ts';
import { INBOX_SHARDS } from '../../durable-objects/stubs.ts';

/** An event’s id follows from who sent it and the sender’s own id of the delivery (rule 11). */
export function eventIdOf(source: string, delivery: string): string {
  return derivedId('evt', sha256Bytes(`${source}\n${delivery}`));
}

export function incidentIdOf(key: string): string {
  return derivedId('inc', sha256Bytes(key));
}

/** Several hooks tell of one end of a build; whichever comes first is the event, the others its duplicates. */
export function buildEventId(
  organisation: string,
  build: { id: number; result: string; finishedAt: number },
): string {
  return derivedId(
    'evt',
    sha256Bytes(`build\n${organisation.toLowerCase()}\n${build.id}\n${build.result}\n${build.finishedAt}`),
  );
}

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** The last character of an id holds five bits of its digest; four of them name the shard. */
export function shardOf(eventId: string): number {
  return Math.max(0, ALPHABET.indexOf(eventId.at(-1) ?? '0')) % INBOX_SHARDS;
}
