/** Mends less than a whole change: takes single operators and figures over from the old lines into the new ones. */
import type { Run } from './hunks.ts';

type Token = { text: string; start: number };

const tokenPattern =
  /\s+|===|!==|<=|>=|==|!=|&&|\|\||\?\?|\+\+|--|=>|[A-Za-z_$][\w$]*|\d[\w.]*|'[^'\n]*'|"[^"\n]*"|[^\s\w]/g;
const exchangeable = /^(===|!==|<=|>=|==|!=|<|>|&&|\|\||\?\?|[+\-*/%!]|\d[\w.]*)$/;

/**
 * For each operator or figure of the new lines whose neighbours stood around another one in the old lines: the run
 * that would put the old one there and leave the rest. `oldLines` are all that the commit took away, since code
 * moves. Nothing for a change of one line: that is undone whole.
 */
export function transplants(run: Run, oldLines: readonly string[]): Run[] {
  if (oldLines.length === 0 || (run.after.length === 1 && run.before.length === 1)) return [];
  const old = tokens(oldLines.join('\n'));
  const text = run.after.join('\n');
  const now = tokens(text);
  const mended = now.flatMap((token, index) => {
    if (!exchangeable.test(token.text)) return [];
    const donor = donorFor(old, now[index - 1]?.text, token.text, now[index + 1]?.text);
    if (donor === undefined) return [];
    return [text.slice(0, token.start) + donor + text.slice(token.start + token.text.length)];
  });
  return [...new Set(mended)].map((whole) => onlyChangedLines(run, whole.split('\n')));
}

function donorFor(
  old: readonly Token[],
  left: string | undefined,
  own: string,
  right: string | undefined,
): string | undefined {
  if (left === undefined || right === undefined) return undefined;
  const between = old.filter(
    (token, index) =>
      exchangeable.test(token.text) && old[index - 1]?.text === left && old[index + 1]?.text === right,
  );
  const different = between.filter((token) => token.text !== own);
  return between.length === different.length ? different[0]?.text : undefined;
}

function onlyChangedLines(run: Run, wanted: readonly string[]): Run {
  const index = wanted.findIndex((line, at) => line !== run.after[at]);
  return {
    ...run,
    isMend: true,
    newStart: run.newStart + index,
    before: [wanted[index] ?? ''],
    after: [run.after[index] ?? ''],
    above: [...run.above, ...run.after.slice(0, index)].slice(-6),
    below: [...run.after.slice(index + 1), ...run.below].slice(0, 6),
  };
}

function tokens(text: string): Token[] {
  return [...text.matchAll(tokenPattern)]
    .filter((match) => match[0].trim() !== '')
    .map((match) => ({ text: match[0], start: match.index }));
}
