/** Reads a log excerpt as numbered lines, so that evidence can name real lines. */
export type LogLine = { number: number; text: string };

// biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with the escape character.
const ansi = /\u001b\[[0-9;?]*[A-Za-z]/g;
const timestamp = /^\d{4}-\d\d-\d\dT[\d:.]+Z\s?/;

export function stripAnsi(text: string): string {
  return text.replace(ansi, '');
}

/** Takes the numbers from prefixes like `120: text`, `120| text` or `120<tab>text` when most lines have one; counts from 1 otherwise. */
export function numberLines(excerpt: string): LogLine[] {
  const lines = stripAnsi(excerpt).split('\n');
  const prefixed = lines.map((line) => /^\s*L?(\d+)\s?[:|\t→]\s?(.*)$/.exec(line));
  const rising = countRising(prefixed.map((match) => (match ? Number(match[1]) : undefined)));
  const filled = lines.filter((line) => line.trim() !== '').length;
  if (filled > 0 && rising / filled > 0.6) {
    return prefixed.flatMap((match) =>
      match ? [{ number: Number(match[1]), text: clean(match[2] ?? '') }] : [],
    );
  }
  return numberAroundGaps(lines);
}

/** A place where an excerpt leaves lines out: `… 12 lines omitted (lines 5-16) …`. */
export type Gap = { fromLine: number; toLine: number };

export function readGap(line: string): Gap | undefined {
  const match = /\(lines? (\d+)(?:\s*[-–]\s*(\d+))?\)/.exec(line);
  if (!match || !/omitted|left out|skipped|…|\.\.\./.test(line)) return undefined;
  return { fromLine: Number(match[1]), toLine: Number(match[2] ?? match[1]) };
}

function numberAroundGaps(lines: readonly string[]): LogLine[] {
  let next = 1;
  return lines.flatMap((text) => {
    const gap = readGap(text);
    if (gap) {
      next = gap.toLine + 1;
      return [];
    }
    next += 1;
    return [{ number: next - 1, text: clean(text) }];
  });
}

function clean(text: string): string {
  return text.replace(timestamp, '').trimEnd();
}

function countRising(numbers: (number | undefined)[]): number {
  let last = 0;
  let count = 0;
  for (const number of numbers) {
    if (number === undefined || number <= last) continue;
    last = number;
    count += 1;
  }
  return count;
}
