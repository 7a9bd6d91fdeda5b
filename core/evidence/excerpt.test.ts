import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeSamples } from '../../test/samples.ts';
import { clipUtf8, excerptLog, utf8Bytes } from './excerpt.ts';
import { splitLog } from './log-text.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text).length;

function longLog(): string {
  const noise = (count: number) =>
    Array.from({ length: count }, (_, index) => `compiling module ${index} of the shop`);
  return [
    ...noise(2_000),
    '--- FAIL: TestCart (0.00s)',
    '    cart_test.go:9: got 1, want 2',
    ...noise(2_000),
    'src/tax.c:3:1: error: no such rate',
    ...noise(2_000),
    'exit status 1',
  ].join('\n');
}

describe('an excerpt', () => {
  it('holds what failed, the first error and the end of a long log', () => {
    const { text, failingTests, firstError, totalLines } = excerptLog(longLog());
    expect(text).toContain('--- FAIL: TestCart (0.00s)\n    cart_test.go:9: got 1, want 2');
    expect(text).toContain('src/tax.c:3:1: error: no such rate');
    expect(text.trimEnd().endsWith('exit status 1')).toBe(true);
    expect(bytesOf(text)).toBeLessThanOrEqual(8_192);
    expect(failingTests.map((test) => test.name)).toEqual(['TestCart']);
    expect(firstError?.line).toBe(2_002);
    expect(totalLines).toBe(6_004);
  });

  it('says which lines it leaves out', () => {
    const { text, ranges } = excerptLog(longLog(), { maxBytes: 1_000 });
    const gaps = [...text.matchAll(/… (\d+) lines? omitted \(lines? (\d+)(?:-(\d+))?\) …/g)];
    expect(gaps.length).toBeGreaterThan(1);
    for (const [, count, from, to] of gaps) {
      expect(Number(to ?? from) - Number(from) + 1).toBe(Number(count));
      expect(ranges.some((range) => range.fromLine <= Number(from) && range.toLine >= Number(from))).toBe(
        false,
      );
    }
  });

  it('is the whole log where that fits', () => {
    expect(excerptLog('\u001b[31ma\u001b[0m\nb\n')).toMatchObject({
      text: 'a\nb',
      ranges: [{ fromLine: 1, toLine: 2 }],
      totalLines: 2,
    });
    expect(excerptLog('')).toMatchObject({ text: '', ranges: [], totalLines: 0, totalBytes: 0 });
  });

  it('finds the message at the end of a long block', () => {
    const frames = Array.from({ length: 900 }, (_, index) => `    source line ${index} of some frame`);
    const log = [
      '=== FAILURES ===',
      '____ test_pay ____',
      ...frames,
      'E   KeyError: rate',
      '=== short test summary info ===',
      'FAILED tests/a.py::test_pay - KeyError',
    ].join('\n');
    expect(excerptLog(log).text).toContain('E   KeyError: rate');
  });

  const anyLog = fc
    .array(
      fc.oneof(
        fc.string({ unit: 'grapheme', maxLength: 300 }),
        fc.string({ unit: fc.constantFrom('😀', 'ä', '\ud800', 'a', '\r', '\u001b[', ' FAILED', 'error: ') }),
        fc.constantFrom(
          '--- FAIL: TestA (0.00s)',
          '✖ failing tests:',
          'FAILED a.py::b - c',
          '##[error]no',
          'TAP version 13',
          'not ok 1 - x',
          '  2 failing',
          '  1) y:',
          'x > y FAILED',
        ),
      ),
      { maxLength: 120 },
    )
    .map((lines) => lines.join('\n'));

  it('never takes more bytes than it may, and never half a character', () => {
    fc.assert(
      fc.property(anyLog, fc.integer({ min: 0, max: 3_000 }), (log, maxBytes) => {
        const { text, ranges } = excerptLog(log, { maxBytes });
        expect(bytesOf(text)).toBeLessThanOrEqual(maxBytes);
        if (log.isWellFormed()) expect(text.isWellFormed()).toBe(true);
        for (const [index, range] of ranges.entries()) {
          expect(range.fromLine).toBeLessThanOrEqual(range.toLine);
          expect(range.fromLine).toBeGreaterThan((ranges[index - 1]?.toLine ?? -1) + (index === 0 ? 1 : 0));
        }
      }),
    );
  });

  it('tells line numbers that are true', () => {
    fc.assert(
      fc.property(anyLog, fc.integer({ min: 200, max: 3_000 }), (log, maxBytes) => {
        const lines = splitLog(log);
        const { text, ranges } = excerptLog(log, { maxBytes });
        const shown = text.split('\n');
        let at = 0;
        let next = 1;
        for (const range of ranges) {
          if (range.fromLine > next) {
            expect(shown[at]).toMatch(/^… \d+ lines? omitted/);
            at += 1;
          }
          for (let line = range.fromLine; line <= range.toLine; line += 1, at += 1) {
            expect((lines[line - 1]?.text ?? '').startsWith((shown[at] ?? '').replace(/…$/, ''))).toBe(true);
          }
          next = range.toLine + 1;
        }
      }),
    );
  });

  it('is the same each time', () => {
    expect(excerptLog(longLog())).toEqual(excerptLog(longLog()));
  });
});

describe('bytes of UTF-8', () => {
  it('are counted without encoding', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(utf8Bytes(text)).toBe(bytesOf(text));
      }),
    );
    expect(utf8Bytes('a\ud800b')).toBe(bytesOf('a\ud800b'));
  });

  it('are clipped between characters', () => {
    expect(clipUtf8('a😀b', 4)).toBe('a');
    expect(clipUtf8('a😀b', 5)).toBe('a😀');
  });
});

describe('logs of five megabytes', () => {
  const megabyte = 1024 * 1024;
  const fill = (line: string) => `${line}\n`.repeat(Math.ceil((5 * megabyte) / (line.length + 1)));
  it.each([
    ['plain output', fill('2026-11-20T10:00:00.0000000Z   compiling module 17 of the shop')],
    ['blanks', fill(`x${' '.repeat(2_000)}FAILED`)],
    ['failing tests', fill('--- FAIL: TestCart (0.00s)')],
    ['TAP failures', `TAP version 13\n${fill('not ok 1 - x')}`],
    ['numbered titles', `  9 failing\n${fill('  1) x:')}`],
    ['one line', 'error: '.repeat(megabyte / 2)],
    ['separators', fill(' > a.b(c):1:2: '.repeat(60))],
  ])('of %s cost no more than their length', (_, log) => {
    const before = process.cpuUsage();
    expect(bytesOf(excerptLog(log).text)).toBeLessThanOrEqual(8_192);
    const { user } = process.cpuUsage(before);
    // It takes about half a second; the bound is for slow machines. A pattern that backtracks would take minutes.
    expect(user / 1_000).toBeLessThan(8_000);
  });
});

describeSamples('published CI logs', 'ci-logs', (logs) => {
  const files = readdirSync(logs, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.log'),
  );

  it.each(files)('%s: every failing test is named within 8 KB', (file) => {
    const { text, failingTests } = excerptLog(readFileSync(`${logs}/${file}`, 'utf8'));
    expect(bytesOf(text)).toBeLessThanOrEqual(8_192);
    expect(failingTests.length).toBeGreaterThan(0);
    for (const test of failingTests) {
      expect(text).toContain(test.path.at(-1));
    }
  });
});
