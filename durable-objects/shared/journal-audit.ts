import { clip } from '../../core/text/plain.ts';
import type { Projection } from '../../workers/db/projections.ts';
import type { JournalLine } from './journal.ts';

const SUBJECT = /sub_[0-9A-HJKMNP-TV-Z]{26}/g;

/** A reason is shown in lists; the whole of it is in `data`. */
const MAX_REASONING_CHARS = 2_000;

/** The run whose word a line is, where the line does not say it itself. */
export interface Speaker {
  run: string;
  agent: string;
  model: string | null;
}

interface EntryData {
  event?: { type: string; data: EntryData };
  kind?: unknown;
  incident?: unknown;
  run?: unknown;
  model?: unknown;
  costMicroUsd?: unknown;
  toolCalls?: unknown;
  group?: unknown;
  reasoning?: unknown;
  result?: { reasoning?: unknown };
  by?: unknown;
  data?: EntryData;
}

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const numberOrNull = (value: unknown): number | null => (typeof value === 'number' ? value : null);

/** Lines that an agent's run is behind. */
const SPOKEN =
  /^(received:(run_started|intent_submitted|run_finished|run_failed)|run_leased|run_ended|judged|fix_proposed|fix_concluded|handed_back)$/;

/** A journal line as an audit row: the same chain, the same hash. */
export function auditRowOf(line: JournalLine, chain: string, active: Speaker | null = null): Projection {
  const entry = JSON.parse(line.data) as EntryData;
  const inner = entry.event?.data ?? entry.data ?? entry;
  const action = actionOf(line.type, entry);
  const speaker = SPOKEN.test(action) ? active : null;
  const isRun = chain.startsWith('run_');
  const reasoning = textOrNull(inner.reasoning) ?? textOrNull(inner.result?.reasoning);
  return {
    table: 'audit',
    row: {
      chain,
      seq: line.seq,
      prev: line.prev,
      hash: line.hash,
      at: line.at,
      actor: actorOf(inner) ?? speaker?.agent ?? 'dogwatch',
      action,
      incident: chain.startsWith('inc_') ? chain : textOrNull(inner.incident),
      run: isRun ? chain : (textOrNull(inner.run) ?? speaker?.run ?? null),
      model: textOrNull(inner.model) ?? speaker?.model ?? null,
      costMicroUsd: numberOrNull(inner.costMicroUsd),
      agent: (isRun ? textOrNull(inner.by) : textOrNull(inner.group)) ?? speaker?.agent ?? null,
      toolCalls: numberOrNull(inner.toolCalls),
      reasoning: reasoning === null ? null : clip(reasoning, MAX_REASONING_CHARS),
      subjects: JSON.stringify([...new Set(line.data.match(SUBJECT) ?? [])]),
      data: `{"at":${line.at},"data":${line.data},"type":${JSON.stringify(line.type)},"v":${line.v}}`,
    },
  };
}

function actionOf(type: string, entry: EntryData): string {
  if (type === 'received' && entry.event) return `received:${entry.event.type}`;
  if (type === 'effect_requested' || type === 'effect_retried') return `${type}:${String(entry.kind)}`;
  return type;
}

function actorOf({ by }: EntryData): string | null {
  if (typeof by === 'string') return by;
  if (typeof by === 'object' && by !== null && 'subject' in by) return String(by.subject);
  return null;
}
