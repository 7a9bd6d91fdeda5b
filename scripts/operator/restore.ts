import type { OperatorApi } from './operator-api.ts';

interface ObjectName {
  objectType: string;
  object: string;
}

interface Restored {
  rows: number;
  linesTo: number;
}

interface Cursor {
  key: string;
  n: number;
}

const TELL_EVERY = 50;

/**
 * Restores an empty instance: first the objects, which do nothing yet, then D1 from what they told, then all
 * are let go. Breaking off is safe: the same command goes on.
 */
export async function restore(api: OperatorApi, tell: (line: string) => void): Promise<string> {
  const names = await api.list<ObjectName>('/api/restore/objects', Number.POSITIVE_INFINITY);
  if (names.length === 0) throw new Error('there is no backup in the bucket of this instance');
  const { isFilled } = await api.send<{ isFilled: boolean }>('POST', '/api/restore/begin');
  tell(`${names.length} objects have a backup.`);
  const lines = isFilled ? ['Everything was back already.'] : await fill(api, names, tell);
  for (const name of names) await api.send('POST', `${pathOf(name)}/resume`);
  await api.send('POST', '/api/restore/end');
  return [...lines, 'All objects work again. Now: dogwatch audit-verify'].join('\n');
}

async function fill(
  api: OperatorApi,
  names: readonly ObjectName[],
  tell: (line: string) => void,
): Promise<string[]> {
  let rows = 0;
  let lines = 0;
  for (const [index, name] of names.entries()) {
    const restored = await api.send<Restored>('POST', pathOf(name));
    rows += restored.rows;
    lines += await restoreRows(api, name, restored.linesTo);
    if ((index + 1) % TELL_EVERY === 0) tell(`${index + 1} of ${names.length} objects are back.`);
  }
  const { own } = await api.send<{ own: { day: string } | null }>('POST', '/api/restore/database');
  return [
    `Restored ${names.length} objects: ${rows} rows of theirs, ${lines} rows of D1.`,
    own === null
      ? 'No manifest was found: the daily roots of the audit log begin anew.'
      : `The daily roots of the audit log are those of the manifest of ${own.day}.`,
  ];
}

async function restoreRows(api: OperatorApi, name: ObjectName, linesTo: number): Promise<number> {
  let written = 0;
  let after: Cursor | null = null;
  do {
    const page: { rows: number; next: Cursor | null } = await api.send('POST', `${pathOf(name)}/rows`, {
      linesTo,
      after,
    });
    written += page.rows;
    after = page.next;
  } while (after !== null);
  return written;
}

const pathOf = ({ objectType, object }: ObjectName): string =>
  `/api/restore/objects/${encodeURIComponent(objectType)}/${encodeURIComponent(object)}`;
