import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { quotePosix } from './posix-quote.ts';

/** Every word ends with NUL on the way back, so that newlines and emptiness are seen. */
function throughShell(shell: string, words: readonly string[]): string[] {
  const quoted = quotePosix(['printf', '%s\\0', ...words]);
  if (!quoted.ok) throw new Error(quoted.code);
  const output = execFileSync(shell, ['-c', quoted.command], { encoding: 'utf8' });
  return output.split('\0').slice(0, -1);
}

const nasty = fc.constantFrom(
  "'",
  '"',
  '\\',
  '$',
  '`',
  '$(id)',
  '$HOME',
  '\n',
  '\r',
  '\t',
  ' ',
  ';',
  '&',
  '|',
  '<',
  '>',
  '*',
  '?',
  '[a]',
  '{a,b}',
  '~',
  '#',
  '!',
  '!!',
  '=',
  'A=b',
  '-',
  '--',
  '-n',
  '-rf',
  '%s',
  '\\n',
  "'\\''",
  '\u{1f415}',
  'é',
  'e\u0301',
  '\u202e',
  '\u0001',
  '\u007f',
  '\ufeff',
  '',
  'if',
  'then',
);
const anyWord = fc.string({ unit: 'binary', maxLength: 40 }).filter((word) => !word.includes('\0'));
const word = fc.oneof(
  anyWord,
  fc.array(nasty, { maxLength: 8 }).map((parts) => parts.join('')),
);

describe('quoting for a POSIX shell', () => {
  test.each(['sh', 'bash'])('%s gives back every word as it was', (shell) => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), (words) => {
        expect(throughShell(shell, words)).toEqual(words);
      }),
      { numRuns: 300 },
    );
  });

  test('a shell within a shell gives it back when it is quoted twice', () => {
    fc.assert(
      fc.property(word, (text) => {
        const inner = quotePosix(['printf', '%s', text]);
        if (!inner.ok) throw new Error(inner.code);
        expect(throughShell('sh', [inner.command])).toEqual([inner.command]);
        const outer = quotePosix(['sh', '-c', inner.command]);
        if (!outer.ok) throw new Error(outer.code);
        expect(execFileSync('sh', ['-c', outer.command], { encoding: 'utf8' })).toBe(text);
      }),
      { numRuns: 100 },
    );
  });

  test('the program is a program: never a keyword, an assignment or an alias', () => {
    for (const program of ['if', 'A=b', 'while', '{', '!']) {
      const quoted = quotePosix([program]);
      if (!quoted.ok) throw new Error(quoted.code);
      expect(() => execFileSync('sh', ['-c', quoted.command], { stdio: 'pipe' })).toThrow(/not found/);
    }
  });

  test('what an argument cannot be is refused', () => {
    expect(quotePosix([])).toEqual({ ok: false, code: 'no_program' });
    expect(quotePosix(['', 'a'])).toEqual({ ok: false, code: 'no_program' });
    expect(quotePosix(['ls', 'a\0b'])).toEqual({ ok: false, code: 'nul' });
    expect(quotePosix(['ls', 'a\ud800b'])).toEqual({ ok: false, code: 'not_unicode' });
    expect(quotePosix(['ls', 'x'.repeat(70_000)])).toEqual({ ok: false, code: 'too_long' });
  });
});
