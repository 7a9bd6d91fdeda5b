import { derivedId } from '../../core/contracts/ids.ts';
import { INBOX_SHARDS } from '../../durable-objects/stubs.ts';

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
}

/** An event’s id follows from who sent it and the sender’s own id of the delivery (rule 11). */
export async function eventIdOf(source: string, delivery: string): Promise<string> {
  return derivedId('evt', await digest(`${source}\n${delivery}`));
}

export async function incidentIdOf(key: string): Promise<string> {
  return derivedId('inc', await digest(key));
}

/** Several hooks tell of one end of a build; whichever comes first is the event, the others its duplicates. */
export async function buildEventId(
  organisation: string,
  build: { id: number; result: string; finishedAt: number },
): Promise<string> {
  return derivedId(
    'evt',
    await digest(`build\n${organisation.toLowerCase()}\n${build.id}\n${build.result}\n${build.finishedAt}`),
  );
}

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** The last character of an id holds five bits of its digest; four of them name the shard. */
export function shardOf(eventId: string): number {
  return Math.max(0, ALPHABET.indexOf(eventId.at(-1) ?? '0')) % INBOX_SHARDS;
}
