import type { Command } from './command.ts';
import { type OperatorApi, OperatorApiError } from './operator-api.ts';
import { readOptions } from './options.ts';

interface DeadLetter {
  id: string;
  kind: string;
  incident: string | null;
  tries: number;
  error: string;
  at: string;
}

const MAX_LETTERS = 10_000;
const MAX_ERROR_CHARS = 200;

/** Query of the list from `--kind` and `--incident`. */
function list(api: OperatorApi, filter: Record<string, string>): Promise<DeadLetter[]> {
  return api.list<DeadLetter>(
    `/api/dead-letters?${new URLSearchParams({ limit: '200', ...filter })}`,
    MAX_LETTERS,
  );
}

export const deadLetters: Command = {
  usage: 'dead-letters [--kind KIND] [--incident INCIDENT]',
  async run(api, args) {
    const items = await list(api, readOptions(args, { values: ['kind', 'incident'] }).values);
    if (items.length === 0) return 'No dead letters.';
    const width = Math.max(...items.map(({ kind }) => kind.length));
    return [
      ...items.map(
        ({ id, kind, tries, error, at }) =>
          `${at}  ${kind.padEnd(width)}  ${tries} tries  ${id}\n    ${oneLine(error)}`,
      ),
      `${items.length} dead. To try again: dogwatch retry ID… or retry --all`,
    ].join('\n');
  },
};

export const retry: Command = {
  usage: 'retry ID…|--all [--kind KIND]   (dead letters go back to where they died)',
  async run(api, args) {
    const { rest, values, flags } = readOptions(args, { values: ['kind'], flags: ['all'] });
    if (rest.length > 0 === flags.has('all')) throw new Error('name dead letters, or say --all');
    if (rest.length > 0 && values.kind) throw new Error('--kind goes with --all');
    const ids = flags.has('all') ? (await list(api, values)).map(({ id }) => id) : rest;
    if (ids.length === 0) return 'No dead letters.';
    const lines: string[] = [];
    let refused = 0;
    for (const id of ids) {
      const problem = await retryOne(api, id);
      if (problem !== null) refused += 1;
      lines.push(problem === null ? `again    ${id}` : `refused  ${id}: ${problem}`);
    }
    const summary = `${ids.length - refused} of ${ids.length} are tried again.`;
    if (refused === ids.length) throw new Error([...lines, summary].join('\n'));
    return [...lines, summary].join('\n');
  },
};

/** Null: it is tried again. */
async function retryOne(api: OperatorApi, id: string): Promise<string | null> {
  try {
    await api.send('POST', `/api/dead-letters/${encodeURIComponent(id)}/replay`);
    return null;
  } catch (error) {
    if (error instanceof OperatorApiError && error.status < 500) return error.message;
    throw error;
  }
}

const oneLine = (text: string): string => {
  const line = text.replace(/\s+/g, ' ');
  return line.length > MAX_ERROR_CHARS ? `${line.slice(0, MAX_ERROR_CHARS)}…` : line;
};
