import type { Probe } from './probes.ts';

export type Who = 'user' | 'root';
export type Area = 'network' | 'gateway' | 'machine' | 'secrets';

/**
 * One attack from inside a cell, and the control that proves the probe could have told. `{token}` in a probe
 * becomes a word of its own, by which an arrival outside is known.
 */
export interface Attack {
  area: Area;
  title: string;
  as: Who[];
  probe: Probe;
  /**
   * `open`: in a container of the same image on the host's network, with every right. `cell`: in the cell, where a
   * permitted thing of the same form must work. `other`: in the second cell, at its own door.
   */
  control: { in: 'open' | 'cell' | 'other'; probe: Probe };
}

export interface Row {
  area: Area;
  title: string;
  as: string;
  blocked: boolean;
  detail: string;
  control: { ok: boolean; detail: string };
}

/** Puts a token into every text of a probe. */
export function withToken(probe: Probe, token: string): Probe {
  return JSON.parse(JSON.stringify(probe).replaceAll('{token}', token)) as Probe;
}

export const passed = (row: Row): boolean => row.blocked && row.control.ok;

const MARKS = { blocked: 'blocked', leak: 'LEAK', alive: 'ok', dead: 'DEAD' };

/** Lines of a table, widths by content; details only where something is wrong, or when asked for. */
export function formatTable(rows: readonly Row[], verbose: boolean): string[] {
  const cells = rows.map((row) => [
    row.area,
    row.title,
    row.as,
    row.blocked ? MARKS.blocked : MARKS.leak,
    row.control.ok ? MARKS.alive : MARKS.dead,
    verbose || !passed(row) ? `${row.detail} | control: ${row.control.detail}` : '',
  ]);
  const head = ['area', 'attack', 'as', 'result', 'control', ''];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...cells.map((cell) => cell[column]?.length ?? 0)),
  );
  const line = (cell: string[]) =>
    cell
      .map((text, column) => (column === head.length - 1 ? text : text.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(head), ...cells.map(line)];
}

export function summaryLine(rows: readonly Row[]): string {
  const good = rows.filter(passed).length;
  return `${good} passed, ${rows.length - good} failed`;
}
