import type { Projection } from '../workers/db/projections.ts';
import type { JournalLine } from './journal.ts';

const SUBJECT = /sub_[0-9A-HJKMNP-TV-Z]{26}/g;

interface EntryData {
  event?: { type: string; data: EntryData };
  kind?: unknown;
  incident?: unknown;
  run?: unknown;
  model?: unknown;
  costMicroUsd?: unknown;
  by?: unknown;
  data?: EntryData;
}

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** A journal line as an audit row: the same chain, the same hash. */
export function auditRowOf(line: JournalLine, chain: string): Projection {
  const entry = JSON.parse(line.data) as EntryData;
  const inner = entry.event?.data ?? entry.data ?? entry;
  return {
    table: 'audit',
    row: {
      chain,
      seq: line.seq,
      prev: line.prev,
      hash: line.hash,
      at: line.at,
      actor: actorOf(inner),
      action: actionOf(line.type, entry),
      incident: chain.startsWith('inc_') ? chain : textOrNull(inner.incident),
      run: chain.startsWith('run_') ? chain : textOrNull(inner.run),
      model: textOrNull(inner.model),
      costMicroUsd: typeof inner.costMicroUsd === 'number' ? inner.costMicroUsd : null,
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

function actorOf({ by }: EntryData): string {
  if (typeof by === 'string') return by;
  if (typeof by === 'object' && by !== null && 'subject' in by) return String(by.subject);
  return 'dogwatch';
}
