/** Writes a regression test out of a failing one: a copy beside it, under a title of its own, with the same expectation. */
import {
  callStatementAt,
  codeMask,
  findTitledCalls,
  findTitledProperties,
  type Span,
  type TitledCall,
} from './js-blocks.ts';
import type { FailingTest } from './reports/failing-test.ts';
import type { TextEdit } from './undo-edit.ts';
import { occurrences } from './undo-edit.ts';

export type NewTest = { edit: TextEdit; title: string; basedOn: string };

/** `undefined` where the file has no test that can be copied safely. */
export function writeRegressionTest(text: string, failing: FailingTest): NewTest | undefined {
  const call = findFailingCall(text, failing);
  if (call) return copyCall(text, call, failing);
  const property = titleCandidates(failing).flatMap((title) => findTitledProperties(text, title))[0];
  if (property) return copyCall(text, property, failing);
  return copyLoop(text, failing);
}

/** Titles of the tests in a file, in order. */
export function titlesIn(text: string): string[] {
  const calls = text.matchAll(/^\s*(?:test|it)\s*\(\s*(?:'([^'\n]+)'|"([^"\n]+)"|`([^`$]+)`)/gm);
  return [...calls].map(([, single, double, template]) => single ?? double ?? template ?? '');
}

/** The first line, from 1, on which a statement asserts something. */
export function firstAssertion(text: string): number | undefined {
  const index = text.split('\n').findIndex((line) => /^\s*(?:assert\b[\w.]*|expect|t\.\w+)\s*\(/.test(line));
  return index < 0 ? undefined : index + 1;
}

/** A failing plain script has no titles: its failing assertion is said once more, before the first one, with a message. */
export function writeRegressionAssertion(text: string, line: number, why: string): NewTest | undefined {
  const span = callStatementAt(text, line);
  if (!span) return undefined;
  const statement = text.slice(span.start, span.end);
  if (!/assert|expect|should|check|equal|ok\b|\bt\./i.test(statement)) return undefined;
  const indent = /^\s*/.exec(statement)?.[0] ?? '';
  const title = `regression: ${why}`.replace(/\s+/g, ' ').slice(0, 110);
  const newText = `${indent}// ${title}\n${statement}\n${statement}`;
  return unlessAmbiguous(text, { oldText: statement, newText }, title, statement.trim().split('\n')[0] ?? '');
}

/** The runner names a file, not a test: it could not be loaded. */
export function isWholeFile(failing: FailingTest): boolean {
  const name = failing.path.at(-1) ?? '';
  return /\.[cm]?[jt]sx?$/.test(name);
}

function findFailingCall(text: string, failing: FailingTest): TitledCall | undefined {
  for (const title of titleCandidates(failing)) {
    const calls = findTitledCalls(text, title);
    if (calls.length <= 1) {
      if (calls[0]) return calls[0];
      continue;
    }
    return nearest(text, calls, failing) ?? calls[0];
  }
  return undefined;
}

/** The leaf title; where a runner glues titles together, also each shorter tail. */
function titleCandidates(failing: FailingTest): string[] {
  const leaf = failing.path.at(-1) ?? '';
  const joined = failing.path.join(' ');
  const tails = [
    leaf,
    ...leaf
      .split(/ [>›] |: | — | - /)
      .slice(1)
      .map((_, index, all) => all.slice(index).join(' ')),
  ];
  const words = joined.split(' ');
  const shorter =
    words.length > 3 ? words.slice(1, -2).map((_, index) => words.slice(index + 1).join(' ')) : [];
  const heads = [leaf.split(/: | — | - /)[0] ?? ''];
  return [...new Set([...tails, ...heads, ...shorter])].filter((title) => title.trim() !== '');
}

/** Of equal titles, the one whose lines hold the failing line, or the one under the right suite. */
function nearest(text: string, calls: readonly TitledCall[], failing: FailingTest): TitledCall | undefined {
  const { line } = failing;
  if (line !== undefined) {
    const holding = calls.find(
      (call) => lineOf(text, call.block.start) <= line && line <= lineOf(text, call.block.end),
    );
    if (holding) return holding;
  }
  const suite = failing.path.at(-2);
  const suites = suite === undefined ? [] : findTitledCalls(text, suite);
  return calls.find((call) =>
    suites.some((outer) => outer.block.start < call.block.start && call.block.end < outer.block.end),
  );
}

function copyCall(text: string, call: TitledCall, failing: FailingTest): NewTest | undefined {
  const block = text.slice(call.block.start, call.block.end);
  const rawTitle = text.slice(call.title.start + 1, call.title.end - 1);
  const title = freshTitle(text, rawTitle, failing.message);
  const offset = call.title.start - call.block.start;
  const copy = `${block.slice(0, offset)}${call.quote}${title}${call.quote}${block.slice(offset + call.title.end - call.title.start)}`;
  const line = block.includes('\n') ? '\n\n' : '\n';
  // A property that is the last of its object may lack its comma.
  const isProperty = /^\s*[:(]/.test(text.slice(call.title.end));
  const gap = isProperty && !block.endsWith(',') ? `,${line}` : line;
  return unlessAmbiguous(text, { oldText: block, newText: `${block}${gap}${copy}` }, title, rawTitle);
}

/** A title built in a loop or a table: the loop's statement is copied, its title marked. */
function copyLoop(text: string, failing: FailingTest): NewTest | undefined {
  const { line } = failing;
  if (line === undefined) return undefined;
  const loop = loopAround(text, line);
  if (!loop) return undefined;
  const block = text.slice(loop.start, loop.end);
  const marked = block.replace(
    /(\b(?:test|it|check)(?:\.each\s*(?:\([^)]*\)|`[^`]*`))?(?:\.\w+)?\(\s*)(["'`])/,
    '$1$2regression: ',
  );
  const named =
    marked === block
      ? block.replace(
          /(\b(?:test|it|check)\(\s*)([\w.$[\]]+)(\s*,)/,
          (_, call: string, name: string, rest: string) => `${call}\`regression: \${${name}}\`${rest}`,
        )
      : marked;
  if (named === block) return undefined;
  return unlessAmbiguous(
    text,
    { oldText: block, newText: `${block}\n\n${named}` },
    `regression: ${failing.path.at(-1) ?? ''}`,
    failing.path.at(-1) ?? '',
  );
}

function loopAround(text: string, line: number): Span | undefined {
  const lines = text.split('\n');
  for (let at = Math.min(line, lines.length); at >= 1; at -= 1) {
    if (!/^\s*for\s*(await\s*)?\(|\.forEach\(|\b(test|it)\.each\b/.test(lines[at - 1] ?? '')) continue;
    const start = lines.slice(0, at - 1).join('\n').length + (at > 1 ? 1 : 0);
    const end = statementEnd(text, start);
    if (end > 0 && lineOf(text, end) >= line) return { start, end };
  }
  return undefined;
}

/** The end of a statement that begins at `start`: the last closing bracket on depth zero at a line's end. */
function statementEnd(text: string, start: number): number {
  const mask = codeMask(text);
  let depth = 0;
  let opened = false;
  for (let at = start; at < text.length; at += 1) {
    if (mask[at] !== 1) continue;
    const char = text[at] ?? '';
    if ('([{'.includes(char)) {
      depth += 1;
      opened = true;
    } else if (')]}'.includes(char)) depth -= 1;
    if (depth < 0) return -1;
    const rest = text.slice(
      at + 1,
      text.indexOf('\n', at + 1) < 0 ? text.length : text.indexOf('\n', at + 1),
    );
    if (opened && depth === 0 && ')}'.includes(char) && /^;?\s*$/.test(rest))
      return at + 1 + (rest.startsWith(';') ? 1 : 0);
  }
  return -1;
}

function freshTitle(text: string, rawTitle: string, message: string): string {
  const plain = `regression: ${rawTitle.replace(/^regression: /, '')}`;
  const values =
    /^(?:AssertionError[^:]*: )?(?:Expected values to be strictly equal: ?)?(?:expected )?(-?[\w.]{1,24}) (?:!==|to (?:be|equal|deeply equal)) (-?[\w.]{1,24})(?: \/\/.*)?$/.exec(
      message.trim(),
    );
  const told = values ? `${plain} (${values[2]}, not ${values[1]})` : plain;
  let title = told;
  for (let count = 2; text.includes(title); count += 1) title = `${told} #${count}`;
  return title;
}

function unlessAmbiguous(text: string, edit: TextEdit, title: string, basedOn: string): NewTest | undefined {
  return occurrences(text, edit.oldText) === 1 ? { edit, title, basedOn } : undefined;
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
