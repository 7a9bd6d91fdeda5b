import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../scripts/dev/worker-process.ts';
import { openOutside } from '../test/load/outside.ts';
import { bundleWorker, Workerd } from '../test/load/workerd.ts';
import type { Counted } from './figures.ts';

const OPEN_INCIDENTS = [0, 100, 10_000];
const MINUTE_MS = 60_000;

export interface IdleFigures {
  /** By open incidents: what one tick asks and touches. */
  ticks: ({ openIncidents: number } & Counted)[];
  /** Rows of the tick with the most open incidents against the one with none. */
  ratio: number;
}

/** What a minute costs in which nothing happens. */
export async function benchIdle(say: (line: string) => void): Promise<IdleFigures> {
  const dir = mkdtempSync(join(tmpdir(), 'dogwatch-idle-'));
  const outside = await openOutside();
  const bundle = await bundleWorker(idleConfig(dir));
  const worker = await Workerd.open({ bundle, stateDir: join(dir, 'state'), settings: outside.settings });
  const ticks: IdleFigures['ticks'] = [];
  try {
    // An afternoon in the middle of a week: neither the night's work nor the week's is due.
    const startMs = Date.UTC(2026, 10, 18, 15, 0);
    let minutes = 0;
    const tick = async (): Promise<Counted> => {
      minutes += 1;
      const answer = await fetch(`${worker.url}/tick?time=${startMs + minutes * MINUTE_MS}`, {
        method: 'POST',
      });
      return (await answer.json()) as Counted;
    };
    let there = 0;
    for (const openIncidents of OPEN_INCIDENTS) {
      await addIncidents(worker, there, openIncidents, startMs);
      there = openIncidents;
      // The first ticks of all make the objects.
      for (let warm = 0; warm < 5; warm++) await tick();
      const figures = { openIncidents, ...(await tick()) };
      ticks.push(figures);
      say(
        `${openIncidents} open incidents: ${figures.requests} requests, ${figures.rowsRead} rows read, ${figures.rowsWritten} written`,
      );
    }
  } finally {
    await worker.stop();
    await outside.close();
    bundle.remove();
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  }
  const rows = ticks.map(({ rowsRead, rowsWritten }) => rowsRead + rowsWritten);
  return { ticks, ratio: Math.round(((rows.at(-1) ?? 0) / Math.max(1, rows[0] ?? 1)) * 100) / 100 };
}

/** `wrangler.toml` with another entry. */
function idleConfig(dir: string): string {
  const entry = fileURLToPath(new URL('idle/worker.ts', import.meta.url));
  const path = join(dir, 'wrangler.toml');
  const own = readFileSync(join(root, 'wrangler.toml'), 'utf8');
  writeFileSync(path, own.replace(/^main = .*$/m, `main = ${JSON.stringify(entry)}`));
  return path;
}

/**
 * Rows as open incidents leave them in D1: each waits for a person, with a timer and a history. Made inside of
 * D1, from one number to another.
 */
async function addIncidents(worker: Workerd, from: number, to: number, nowMs: number): Promise<void> {
  if (from === to) return;
  const dueAt = nowMs + 72 * 60 * MINUTE_MS;
  const numbers = `WITH RECURSIVE c (n) AS (SELECT ${from} UNION ALL SELECT n + 1 FROM c WHERE n + 1 < ${to})`;
  const id = `printf('inc_%026d', n)`;
  const rows: Record<string, string> = {
    'incidents (id, seq, key, loop, episode, status, title, opened_at, updated_at)': `${id}, 10, 'load/' || n,
      'pipeline-recovery', 1, 'awaiting_review', 'a title', ${nowMs} - n, ${nowMs} - n`,
    'timers (object_type, object, name, seq, due_at)': `'incident', ${id}, 'approval', 10, ${dueAt} + n`,
    'deliveries (id, seq, source, delivery, type, status, received_at, updated_at, target, tries)': `'evt_' || n, 2,
      'azure-devops', n, 'build.complete', 'delivered', ${nowMs} - n, ${nowMs} - n, ${id}, 1`,
  };
  for (const [table, values] of Object.entries(rows))
    await worker.rows(`INSERT INTO ${table} ${numbers} SELECT ${values} FROM c`);
}
