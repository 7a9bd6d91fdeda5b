/** What one answer may hold: enough for a stretch of a log, little enough for a model's attention. */
export const MAX_ANSWER_BYTES = 16 * 1_024;
const MAX_LINE_CHARS = 2_000;
const DEFAULT_LINES = 200;
const SEARCH_CONTEXT = 2;

export interface ReadRequest {
  fromLine?: number;
  toLine?: number;
  search?: string;
}

/** The lines that are asked for, from 1: all around what matches, or a range. */
function chosenLines(lines: readonly string[], request: ReadRequest): number[] {
  const from = Math.max(1, request.fromLine ?? 1);
  const to = Math.min(
    lines.length,
    request.toLine ?? (request.search === undefined ? from + DEFAULT_LINES - 1 : lines.length),
  );
  const range = Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
  if (request.search === undefined || request.search === '') return range;
  const wanted = request.search.toLowerCase();
  const near = new Set<number>();
  for (const number of range)
    if (lines[number - 1]?.toLowerCase().includes(wanted))
      for (let at = number - SEARCH_CONTEXT; at <= number + SEARCH_CONTEXT; at++)
        if (at >= 1 && at <= lines.length) near.add(at);
  return [...near].sort((a, b) => a - b);
}

/** Text from outside cannot close its own fence. */
export function fence(name: string, id: string, body: string): string {
  const attribute = (text: string) => text.replace(/[^\w.:/-]/g, '_');
  const harmless = body.replace(/<(?=\/?\s*untrusted)/gi, '<\u200b');
  return `<untrusted source="${attribute(name)}" id="${attribute(id)}">\n${harmless}\n</untrusted>`;
}

/** Numbered lines of a text artifact, fenced as untrusted, bounded; says how to go on when there is more. */
export function readLines(name: string, id: string, text: string, request: ReadRequest): string {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  const numbers = chosenLines(lines, request);
  const what =
    request.search === undefined
      ? `${lines.length} lines`
      : `${lines.length} lines, searched for "${request.search}"`;
  if (numbers.length === 0) return `${name}: ${what}: nothing there.`;
  const shown: string[] = [];
  let bytes = 0;
  let previous = numbers[0] ?? 1;
  for (const number of numbers) {
    const line = `${number > previous + 1 ? '…\n' : ''}${number}: ${(lines[number - 1] ?? '').slice(0, MAX_LINE_CHARS)}`;
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > MAX_ANSWER_BYTES) break;
    shown.push(line);
    previous = number;
  }
  const rest = numbers.length - shown.length;
  const next = rest > 0 ? ` ${rest} more lines: go on with fromLine ${previous + 1}.` : '';
  return `${name}: ${what}.${next}\n${fence(name, id, shown.join('\n'))}`;
}
