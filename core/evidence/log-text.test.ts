import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanLog, splitLog } from './log-text.ts';

const only = (text: string) => splitLog(text)[0];

describe('a cleaned log', () => {
  it('loses colours, cursor moves, titles and links', () => {
    expect(
      cleanLog(
        '\u001b[31m✖ \u001b[1;38;5;9mbad\u001b[0m\u001b[K\u001b]0;title\u0007!\u001b]8;;x\u001b\\link\u001b]8;;\u001b\\',
      ),
    ).toBe('✖ bad!link');
  });

  it('loses the time in front of each line and keeps one inside it', () => {
    expect(
      cleanLog('\ufeff2026-11-20T10:00:00.1234567Z start\n2026-11-20T10:00:01Z at 2026-11-20T10:00:00Z'),
    ).toBe('start\nat 2026-11-20T10:00:00Z');
  });

  it('shows what a progress bar said last', () => {
    expect(cleanLog(' 1%\r 50%\r100%\r\nnext\r\n')).toBe('100%\nnext');
  });

  it('takes the markers of CI systems off and remembers them', () => {
    expect(only("2026-11-20T10:00:00.0000000Z ##[error]Bash exited with code '1'.")).toEqual({
      number: 1,
      text: "Bash exited with code '1'.",
      marker: 'error',
    });
    expect(only('::error file=a.ts,line=3::no such thing')).toMatchObject({
      text: 'no such thing',
      marker: 'error',
    });
    expect(only('##[section]Starting: Test')).toMatchObject({ text: 'Starting: Test', marker: 'section' });
    expect(only('travis_fold:start:install\r\u001b[0K$ npm ci')).toMatchObject({
      text: '$ npm ci',
      marker: null,
    });
  });

  it('keeps the numbers of the stored lines', () => {
    expect(splitLog('a\n\n\u001b[2K\nb\n').map((line) => [line.number, line.text])).toEqual([
      [1, 'a'],
      [2, ''],
      [3, ''],
      [4, 'b'],
    ]);
  });

  it('has as many lines as the stored one, and no control characters', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string({
            unit: fc.constantFrom('a', ' ', '\u001b', '[', ']', '0', 'm', '\r', '\u0007', '😀', '#'),
          }),
          { minLength: 1 },
        ),
        (lines) => {
          const cleaned = splitLog(`${lines.join('\n')}\n`);
          expect(cleaned).toHaveLength(lines.length);
          for (const line of cleaned) for (const character of line.text) expect(character >= ' ').toBe(true);
        },
      ),
    );
  });
});

describe('hostile logs', () => {
  const megabyte = 1024 * 1024;
  it.each([
    ['escapes', '\u001b'.repeat(megabyte)],
    ['open sequences', '\u001b['.repeat(megabyte / 2)],
    ['one endless sequence', `\u001b[${'0'.repeat(megabyte)}`],
    ['endless titles', '\u001b]'.repeat(megabyte / 2)],
    ['carriage returns', '\r'.repeat(megabyte)],
    ['bells', '\u0007'.repeat(megabyte)],
    ['markers', '##['.repeat(megabyte / 3)],
  ])('of %s cost no more than their length', (_, text) => {
    const start = performance.now();
    splitLog(text);
    expect(performance.now() - start).toBeLessThan(1_000);
  });
});
