import { clip } from '../../../core/text/plain.ts';
import type { SandboxEvent } from '../backend/sandbox.ts';
import type { EventPayload } from '../worker/event-spool.ts';

/** Limits of the contract of events. */
const TOOL_TEXT_CHARS = 4_096;
const SAID_CHARS = 16_000;
const DETAIL_CHARS = 4_000;
const ALERT_CHARS = 1_900;

type Redact = (text: string) => string;

/** What the Worker hears of something in the sandbox; null: nothing. */
export function payloadOf(event: SandboxEvent, redact: Redact): EventPayload | null {
  if (event.type === 'turn' || event.type === 'compacted' || event.type === 'stopping') return null;
  if (event.type === 'said') return { type: 'said', data: { text: clip(redact(event.text), SAID_CHARS) } };
  const { id, name, phase, input, output, durationMs } = event;
  const bounded = (text: string | null) => (text === null ? null : clip(redact(text), TOOL_TEXT_CHARS));
  return {
    type: 'tool',
    data: {
      id,
      name,
      phase,
      input: bounded(input),
      output: bounded(output),
      durationMs: durationMs === null ? null : Math.max(0, Math.round(durationMs)),
    },
  };
}

export const alertPayload = (rule: string, text: string, redact: Redact): EventPayload => ({
  type: 'alert',
  data: { rule, text: clip(redact(text), ALERT_CHARS) },
});

export const endedPayload = (
  ended: Extract<EventPayload, { type: 'ended' }>['data'],
  redact: Redact,
): EventPayload => ({
  type: 'ended',
  data: {
    ...ended,
    detail: clip(redact(ended.detail), DETAIL_CHARS),
    durationMs: Math.max(0, Math.round(ended.durationMs)),
  },
});
