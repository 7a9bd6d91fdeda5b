import type { AuditSearchInput } from '../../core/contracts/audit-search.ts';
import { clip, untoken } from '../../core/text/plain.ts';
import type { Env } from '../env.ts';
import { searchAudit } from './search.ts';
import type { StoredRow } from './segment.ts';

const DEFAULT_ROWS = 20;
/** Per row and in all: a model pays for each character. */
const MAX_DATA_CHARS = 400;
const MAX_CHARS = 16_000;

/** Newest rows first, one a line, fenced: rows hold words of strangers. `id`: of the fence; rows cannot know it. */
export async function searchForAgent(
  env: Pick<Env, 'DB' | 'ARTIFACTS'>,
  input: AuditSearchInput,
  id: string,
): Promise<string> {
  const { items, cursor } = await searchAudit(env.DB, env.ARTIFACTS, {
    limit: input.limit ?? DEFAULT_ROWS,
    cursor: null,
    incident: input.incident ?? null,
    action: input.action ?? null,
    actor: input.actor ?? null,
    run: input.run ?? null,
    fromMs: null,
    toMs: null,
    q: input.text ?? null,
  });
  if (items.length === 0) return 'No such row.';
  const lines: string[] = [];
  let chars = 0;
  for (const row of items) {
    const line = lineOf(row);
    chars += line.length;
    if (chars > MAX_CHARS) break;
    lines.push(line);
  }
  const more = cursor !== null || lines.length < items.length ? ' There are more: ask more narrowly.' : '';
  return `${lines.length} rows, newest first.${more}\n<untrusted source="audit" id="${id}">\n${lines.join('\n')}\n</untrusted id="${id}">`;
}

const lineOf = ({ at, actor, action, incident, run, data }: StoredRow): string =>
  [
    new Date(at).toISOString(),
    actor,
    action,
    incident ?? '-',
    run ?? '-',
    clip(untoken(data), MAX_DATA_CHARS),
  ].join(' | ');
