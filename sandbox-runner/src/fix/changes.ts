export interface Change {
  path: string;
  status: 'added' | 'modified' | 'deleted';
  /** Git modes as octal text; `000000` where there is nothing. */
  oldMode: string;
  newMode: string;
  oldBlob: string;
  newBlob: string;
}

export interface LineCount {
  additions: number;
  deletions: number;
}

const STATUS = { A: 'added', M: 'modified', T: 'modified', D: 'deleted' } as const;

/** Reads `git diff-tree -r -z --raw --no-renames --full-index`. */
export function parseRawDiff(output: string): Change[] {
  const changes: Change[] = [];
  const fields = output.split('\0');
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const entry = /^:(\d{6}) (\d{6}) ([0-9a-f]{40}) ([0-9a-f]{40}) ([AMTD])$/.exec(fields[i] ?? '');
    const path = fields[i + 1];
    if (!entry || path === undefined) throw new Error(`unexpected raw diff: ${fields[i]}`);
    const [, oldMode = '', newMode = '', oldBlob = '', newBlob = '', letter] = entry;
    changes.push({ path, status: STATUS[letter as keyof typeof STATUS], oldMode, newMode, oldBlob, newBlob });
  }
  return changes;
}

/** Reads `git diff-tree -r -z --numstat --no-renames`; a binary file counts as no lines. */
export function parseLineCounts(output: string): Map<string, LineCount> {
  const counts = new Map<string, LineCount>();
  for (const entry of output.split('\0')) {
    const [additions, deletions, ...path] = entry.split('\t');
    if (additions === undefined || deletions === undefined || path.length === 0) continue;
    counts.set(path.join('\t'), { additions: Number(additions) || 0, deletions: Number(deletions) || 0 });
  }
  return counts;
}
