import { type FailingTest, type Findings, type FirstError, findFailuresIn } from './failing-tests.ts';
import { type LogLine, splitLog } from './log-text.ts';

export type ExcerptRange = { fromLine: number; toLine: number; why: string };

export type LogExcerpt = {
  /** At most `maxBytes` of UTF-8. Left-out lines are marked with their numbers. */
  text: string;
  ranges: ExcerptRange[];
  totalLines: number;
  totalBytes: number;
  failingTests: FailingTest[];
  firstError: FirstError | null;
};

/** Names of failing tests may take so much of the excerpt; the rest is for what they say. */
const NAMES_SHARE = 0.6;
/** Longer lines are mostly data; their beginning tells what they are. */
const MAX_LINE_CHARS = 400;
/** The longest gap marker, with numbers of seven digits, and its line break. */
const GAP_BYTES = 64;
const ROUNDS_PER_BLOCK = [12, 30, 120];
const CONTEXT_BEFORE = 5;
const CONTEXT_AFTER = 15;
const TAIL_LINES = [6, 30];
const SUMMARY =
  /^\s*(?:ℹ (?:tests|pass|fail) \d|# (?:tests|pass|fail) \d|Tests?:? .*(?:failed|passed)|Tests run: \d|\d+ (?:passing|failing|failed|passed)\b|=+ .*(?:failed|passed).* =+$|FAILED \(|FAILURES!|✖ \d+ problems?|Found \d+ errors?|BUILD FAIL|\[ERROR\] Tests run:|test result:|Failed!|npm (?:ERR!|error) (?:code|Lifecycle|Exit))/;

/**
 * The part of a log that a model should see first: the names of failing tests, what they say, the first error,
 * the summary and the end. Deterministic; the same text and limit give the same excerpt.
 */
export function excerptLog(text: string, options: { maxBytes?: number } = {}): LogExcerpt {
  const maxBytes = options.maxBytes ?? 8_192;
  const log = splitLog(text);
  const findings = findFailuresIn(log);
  const told = {
    totalLines: log.length,
    totalBytes: utf8Bytes(text),
    failingTests: findings.failingTests,
    firstError: findings.firstError,
  };

  const whole = wholeIfSmall(log, maxBytes);
  if (whole !== null) {
    const ranges = log.length === 0 ? [] : [{ fromLine: 1, toLine: log.length, why: 'the whole log' }];
    return { text: whole, ranges, ...told };
  }
  const chosen = choose(log, findings, maxBytes);
  const ranges = rangesOf(chosen.lines);
  return { text: render(log, ranges, maxBytes), ranges, ...told };
}

function wholeIfSmall(log: readonly LogLine[], maxBytes: number): string | null {
  let sizeBytes = 0;
  for (const line of log) {
    sizeBytes += utf8Bytes(line.text) + 1;
    if (sizeBytes - 1 > maxBytes) return null;
  }
  return log.map((line) => line.text).join('\n');
}

/** Takes lines as long as they fit; what is asked for first is the surest to be in. */
function choose(
  log: readonly LogLine[],
  findings: Findings,
  maxBytes: number,
): { lines: Map<number, string> } {
  const lines = new Map<number, string>();
  let usedBytes = GAP_BYTES;

  const take = (number: number, why: string, limitBytes = maxBytes): boolean => {
    const line = log[number - 1];
    if (!line || lines.has(number)) return true;
    const joins = Number(lines.has(number - 1)) + Number(lines.has(number + 1));
    const costBytes = utf8Bytes(shown(line.text)) + 1 + (1 - joins) * GAP_BYTES;
    if (usedBytes + costBytes > limitBytes) return false;
    usedBytes += costBytes;
    lines.set(number, why);
    return true;
  };
  const takeRun = (from: number, to: number, why: string) => {
    for (let number = Math.max(1, from); number <= to; number += 1) if (!take(number, why)) return;
  };

  const { failingTests, codeErrors, firstError } = findings;
  if (firstError) take(firstError.line, 'first error');
  for (const test of failingTests)
    for (const number of test.nameLines) take(number, 'failing test', maxBytes * NAMES_SHARE);
  for (const error of codeErrors.slice(0, 20))
    take(error.atLine, 'error in the code', maxBytes * NAMES_SHARE);
  takeRun(log.length - (TAIL_LINES[0] ?? 0) + 1, log.length, 'end of the log');
  const [shortBlock = 0, ...longerBlocks] = ROUNDS_PER_BLOCK;
  if (firstError)
    takeRun(firstError.line - CONTEXT_BEFORE, firstError.line + CONTEXT_AFTER, 'around the first error');
  for (const test of failingTests) takeBlock(test, shortBlock);
  for (const error of codeErrors.slice(0, 20)) takeRun(error.atLine, error.atLine + 5, 'error in the code');
  for (const line of log) if (line.marker === 'error') take(line.number, 'marked as error');
  for (const line of lastSummaries(log)) take(line, 'summary');
  for (const blockLines of longerBlocks) for (const test of failingTests) takeBlock(test, blockLines);
  takeRun(log.length - (TAIL_LINES[1] ?? 0) + 1, log.length, 'end of the log');
  if (firstError) takeRun(firstError.line - 40, firstError.line + 60, 'around the first error');
  takeRun(1, 12, 'start of the log');
  for (let number = log.length; number > log.length - 300; number -= 1)
    if (!take(number, 'end of the log')) break;
  return { lines };

  function takeBlock(test: FailingTest, blockLines: number): void {
    takeRun(test.fromLine, Math.min(test.toLine, test.fromLine + blockLines - 1), 'failing test');
    if (test.message)
      takeRun(
        test.message.line - 3,
        Math.min(test.toLine, test.message.line + blockLines / 2),
        'message of a failing test',
      );
  }
}

function lastSummaries(log: readonly LogLine[]): number[] {
  const found = log.filter((line) => SUMMARY.test(line.text.slice(0, MAX_LINE_CHARS)));
  return found.slice(-25).map((line) => line.number);
}

function rangesOf(chosen: Map<number, string>): ExcerptRange[] {
  const ranges: (ExcerptRange & { reasons: Set<string> })[] = [];
  for (const number of [...chosen.keys()].sort((a, b) => a - b)) {
    const why = chosen.get(number) ?? '';
    const last = ranges.at(-1);
    if (last && last.toLine === number - 1) {
      last.toLine = number;
      last.reasons.add(why);
    } else ranges.push({ fromLine: number, toLine: number, why, reasons: new Set([why]) });
  }
  return ranges.map(({ fromLine, toLine, reasons }) => ({ fromLine, toLine, why: [...reasons].join(', ') }));
}

function render(log: readonly LogLine[], ranges: readonly ExcerptRange[], maxBytes: number): string {
  const parts: string[] = [];
  let next = 1;
  for (const range of ranges) {
    if (range.fromLine > next) parts.push(gap(next, range.fromLine - 1));
    for (let number = range.fromLine; number <= range.toLine; number += 1)
      parts.push(shown(log[number - 1]?.text ?? ''));
    next = range.toLine + 1;
  }
  if (next <= log.length) parts.push(gap(next, log.length));
  return clipUtf8(parts.join('\n'), maxBytes);
}

function gap(from: number, to: number): string {
  const count = to - from + 1;
  return count === 1
    ? `… 1 line omitted (line ${from}) …`
    : `… ${count} lines omitted (lines ${from}-${to}) …`;
}

function shown(text: string): string {
  return text.length <= MAX_LINE_CHARS ? text : `${withoutHalfPair(text.slice(0, MAX_LINE_CHARS))}…`;
}

/** A cut may fall between the two halves of a character outside the basic plane. */
function withoutHalfPair(text: string): string {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff ? text.slice(0, -1) : text;
}

/** Bytes of the text in UTF-8, without encoding it. A lone surrogate counts as its replacement, three bytes. */
export function utf8Bytes(text: string): number {
  let sizeBytes = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x80) continue;
    sizeBytes += 1;
    if (code < 0x800) continue;
    const isPair = code >= 0xd800 && code <= 0xdbff && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
    sizeBytes += 1;
    if (isPair) at += 1;
  }
  return sizeBytes;
}

/** The longest beginning of the text that fits, cut between characters. */
export function clipUtf8(text: string, maxBytes: number): string {
  if (utf8Bytes(text) <= maxBytes) return text;
  let sizeBytes = 0;
  let at = 0;
  while (at < text.length) {
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    sizeBytes += utf8Bytes(character);
    if (sizeBytes > maxBytes) break;
    at += character.length;
  }
  return text.slice(0, at);
}
