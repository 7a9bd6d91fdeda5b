import { withoutText } from '../shared/redact.ts';
import type { RunBook } from './run-book.ts';

export interface RedactionOrder {
  texts: string[];
  /** Messages that go whole. */
  messages: string[];
  by: string;
}

/**
 * Takes texts out of what a run keeps of words: what was said to it, what its tools were given and gave, its
 * hand-off and its last report. `transcripts`: those that were deleted. Runs inside a change of the book.
 */
export function redactRun(
  book: RunBook,
  { texts, messages, by }: RedactionOrder,
  transcripts: readonly string[],
  nowMs: number,
): void {
  const { record } = book;
  if (record === null) return;
  book.messages.redact(texts, messages);
  for (const text of texts) {
    book.ledger.redact(text);
    const { checkpoint, reported, endDetail } = record;
    book.update({
      spec: { ...record.spec, prompt: withoutText(record.spec.prompt, text) },
      checkpoint: checkpoint && { ...checkpoint, handOff: withoutText(checkpoint.handOff, text) },
      reported: withoutText(reported, text),
      endDetail: withoutText(endDetail, text),
    });
  }
  for (const sha256 of transcripts) book.audit('transcript_deleted', { by, sha256 }, nowMs);
  if (record.transcript && transcripts.includes(record.transcript.sha256)) book.update({ transcript: null });
}
