import {
  blockEnd,
  type FailingTest,
  failing,
  indentOf,
  MAX_FOUND,
  type Recogniser,
  withoutDuration,
} from './found.ts';

const CROSS = /^\s*[✖✗×] /;

/**
 * The `spec` reporter of node:test: a tree while it runs (`▶ suite`, `✖ test (1ms)`), then a section
 * `✖ failing tests:` with `test at FILE:LINE:COLUMN`, the name and the error.
 */
export const nodeSpec: Recogniser = (lines) => {
  const section = lines.findIndex((line) => line.trim() === '✖ failing tests:');
  const isNodeTest = section !== -1 || lines.some((line) => /^ℹ (?:tests|fail) \d+$/.test(line));
  if (!isNodeTest) return [];

  const fromTree = readTree(lines, section === -1 ? lines.length : section);
  const fromSection = section === -1 ? [] : readSection(lines, section, fromTree);
  return fromSection.length > 0 ? fromSection : fromTree;
};

function readTree(lines: readonly string[], end: number): FailingTest[] {
  const found: FailingTest[] = [];
  const open: { name: string; indent: number; failuresBefore: number }[] = [];
  for (let at = 0; at < end && found.length < MAX_FOUND; at += 1) {
    const line = lines[at] ?? '';
    const indent = indentOf(line);
    const mark = line[indent];
    if (mark === '▶') {
      while ((open.at(-1)?.indent ?? -1) >= indent) open.pop();
      open.push({ name: withoutDuration(line.slice(indent + 2)), indent, failuresBefore: found.length });
      continue;
    }
    if (mark !== '✖' && mark !== '✔') continue;
    while ((open.at(-1)?.indent ?? -1) > indent) open.pop();
    const name = withoutDuration(line.slice(indent + 2));
    const suite = open.at(-1);
    const closes = suite !== undefined && suite.indent === indent && suite.name === name;
    if (closes) open.pop();
    if (mark === '✔' || (closes && found.length > suite.failuresBefore)) continue;
    const parents = open.filter((level) => level.indent < indent).map((level) => level.name);
    found.push(
      failing({
        framework: 'node:test',
        path: [...parents, name],
        at,
        end: blockEnd(lines, at, (next) => indentOf(next) <= indent && next.trim() !== ''),
      }),
    );
  }
  return found;
}

function readSection(lines: readonly string[], section: number, tree: readonly FailingTest[]): FailingTest[] {
  const waiting = new Map<string, FailingTest[]>();
  for (const test of tree) {
    const leaf = test.path.at(-1) ?? '';
    waiting.set(leaf, [...(waiting.get(leaf) ?? []).slice(-50), test]);
  }
  const found: FailingTest[] = [];
  for (let at = section + 1; at < lines.length && found.length < MAX_FOUND; at += 1) {
    const place = /^test at (.{1,500})$/.exec(lines[at]?.trimStart() ?? '')?.[1];
    const named = lines[at + 1] ?? '';
    if (place === undefined || !CROSS.test(named)) continue;
    const leaf = withoutDuration(named.trimStart().slice(2));
    const path = waiting.get(leaf)?.shift()?.path ?? [leaf];
    const end = blockEnd(lines, at + 1, (line) => line.startsWith('test at ') || CROSS.test(line));
    found.push(
      failing({ framework: 'node:test', path, start: at, at: at + 1, end, file: withoutColumn(place) }),
    );
  }
  return found;
}

function withoutColumn(place: string): string {
  return place.replace(/:(\d+):\d+$/, ':$1');
}

const NOT_OK = /^( *)not ok \d*(?: ?- ?)?(.*)$/;

/** TAP of any version, nested by indentation, as node:test, tap, tape and ava write it. */
export const tap: Recogniser = (lines) => {
  const plan = lines.some(
    (line) => line.startsWith('TAP version') || /^ *1\.\.\d+/.test(line) || /^ok \d/.test(line),
  );
  if (!plan) return [];
  const found: FailingTest[] = [];
  /** Levels above a failure: TAP repeats it there, and a level that only passes it on is no test. */
  const passedOn = new Set<string>();
  const subtests: { name: string; indent: number }[] = [];
  for (let at = 0; at < lines.length && found.length < MAX_FOUND; at += 1) {
    const line = lines[at] ?? '';
    const subtest = /^( *)# Subtest: (.+)$/.exec(line);
    if (subtest) {
      const indent = subtest[1]?.length ?? 0;
      while ((subtests.at(-1)?.indent ?? -1) >= indent) subtests.pop();
      subtests.push({ name: subtest[2] ?? '', indent });
      continue;
    }
    const match = line.includes('not ok') ? NOT_OK.exec(line) : null;
    if (!match) continue;
    const indent = match[1]?.length ?? 0;
    const [name = '', directive = ''] = splitDirective(match[2] ?? '');
    if (/^(?:todo|skip)/i.test(directive)) continue;

    const end = yamlEnd(lines, at);
    const detail = lines.slice(at + 1, end + 1);
    if (detail.some((text) => /^ *failureType: 'subtestsFailed'/.test(text))) continue;
    const parents = subtests.filter((level) => level.indent < indent).map((level) => level.name);
    const path = [...parents, name];
    if (passedOn.has(path.join('\n'))) continue;
    for (let level = 1; level < path.length; level += 1) passedOn.add(path.slice(0, level).join('\n'));
    const location = detail.map((text) => /^ *location: '(.+)'$/.exec(text)?.[1]).find(Boolean);
    found.push(
      failing({
        framework: 'tap',
        path,
        at,
        end,
        file: location ? withoutColumn(location) : null,
      }),
    );
  }
  return found;
};

function splitDirective(text: string): [string, string] {
  const hash = text.lastIndexOf(' # ');
  const name = hash === -1 ? text : text.slice(0, hash);
  const directive = hash === -1 ? '' : text.slice(hash + 3);
  if (hash !== -1 && !/^(?:todo|skip|time=)/i.test(directive)) return [text, ''];
  return [name.replaceAll('\\#', '#').trim(), directive];
}

function yamlEnd(lines: readonly string[], at: number): number {
  if (lines[at + 1]?.trim() !== '---') return at;
  const limit = Math.min(lines.length, at + 200);
  for (let index = at + 2; index < limit; index += 1) if (lines[index]?.trim() === '...') return index;
  return at;
}
