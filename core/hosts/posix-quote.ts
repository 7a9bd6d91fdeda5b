/**
 * SSH hands the other side's shell a string. This is the one place that makes it: every word in single quotes,
 * where a POSIX shell reads each character as itself, so a word is never a keyword, an assignment, an alias,
 * a pattern or a second command. Holds for sh, bash, dash, ksh and zsh as login shells; not for csh.
 */
export type Quoted =
  | { ok: true; command: string }
  | { ok: false; code: 'no_program' | 'nul' | 'not_unicode' | 'too_long' };

/** Well under the 128 KB that Linux allows one argument: the whole command is one argument of the login shell. */
const MAX_COMMAND_BYTES = 65_536;

const quoteWord = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** A shell command that runs exactly these words. NUL cannot be in an argument, half a surrogate pair not in UTF-8. */
export function quotePosix(argv: readonly string[]): Quoted {
  if (argv[0] === undefined || argv[0] === '') return { ok: false, code: 'no_program' };
  if (argv.some((word) => word.includes('\0'))) return { ok: false, code: 'nul' };
  if (argv.some((word) => /\p{Cs}/u.test(word))) return { ok: false, code: 'not_unicode' };
  const command = argv.map(quoteWord).join(' ');
  // A UTF-16 unit takes at most three bytes.
  if (command.length * 3 > MAX_COMMAND_BYTES) return { ok: false, code: 'too_long' };
  return { ok: true, command };
}
