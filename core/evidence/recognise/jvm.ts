import { blockEnd, type FailingTest, failing, indentOf, MAX_FOUND, type Recogniser } from './found.ts';

const LEVEL = /^\[(?:ERROR|WARNING|INFO)\] ?/;
const ELAPSED = / +(?:-- )?Time elapsed: [\d.,]+ (?:s|sec)/;

/** Maven surefire and failsafe: `Class.method  Time elapsed: 1 s  <<< FAILURE!`, else the closing summary. */
export const surefire: Recogniser = (lines) => {
  const flaky = readFlakes(lines);
  const found: FailingTest[] = [];
  for (let at = 0; at < lines.length && found.length < MAX_FOUND; at += 1) {
    const line = lines[at] ?? '';
    if (!line.includes('<<< ') || !ELAPSED.test(line) || line.includes('Tests run:')) continue;
    const title = line.replace(LEVEL, '').split(ELAPSED)[0]?.trim() ?? '';
    const path = javaPath(title);
    if (path.length === 0 || flaky.has(path.join('.'))) continue;
    const end = blockEnd(
      lines,
      at,
      (text) => text.includes('<<< ') || LEVEL.test(text) || text.startsWith('Running '),
    );
    found.push(failing({ framework: 'surefire', path, separator: '.', at, end }));
  }
  return found.length > 0 ? found : surefireSummary(lines);
};

/** `method(pkg.Class)` and `pkg.Class.method` both become class and method; a bare class stays alone. */
function javaPath(title: string): string[] {
  const old = /^(.+?)\(([\w.$]+)\)$/.exec(title);
  if (old) return [old[2] ?? '', old[1] ?? ''];
  const parameters = title.search(/[({[ ]/);
  const head = parameters === -1 ? title : title.slice(0, parameters);
  const dot = head.lastIndexOf('.');
  if (dot === -1) return title === '' ? [] : [title];
  const last = head.slice(dot + 1);
  return /^[A-Z]/.test(last) && parameters === -1 ? [title] : [title.slice(0, dot), title.slice(dot + 1)];
}

/** Tests that passed when run again are listed under `Flakes:`. */
function readFlakes(lines: readonly string[]): Set<string> {
  const flakes = new Set<string>();
  let inside = false;
  for (const line of lines) {
    const text = line.replace(LEVEL, '').trim();
    if (/^(?:Flakes|Flaked tests):/.test(text)) inside = true;
    else if (/^(?:Failures|Errors|Failed tests|Tests in error|Tests run):/.test(text)) inside = false;
    else if (inside && text !== '' && !/^Run \d+:/.test(text)) flakes.add(javaPath(text).join('.'));
  }
  return flakes;
}

function surefireSummary(lines: readonly string[]): FailingTest[] {
  const found: FailingTest[] = [];
  let inside = false;
  for (let at = 0; at < lines.length && found.length < MAX_FOUND; at += 1) {
    const line = lines[at] ?? '';
    const text = line.replace(LEVEL, '');
    if (/^(?:Failures|Errors|Failed tests|Tests in error): *\S{0,300}/.test(text)) inside = true;
    else if (text.trim() === '' || text.startsWith('Tests run:')) inside = false;
    if (!inside) continue;
    const entry = text.replace(/^(?:Failures|Errors|Failed tests|Tests in error):/, '').trim();
    const modern = /^([\w.$]+)(?:->|>[\w.$]+?\.)?([\w$]+)?:\d+\b/.exec(entry);
    const old = /^([\w$]+)\(([\w.$]+)\)/.exec(entry);
    const path = old ? [old[2] ?? '', old[1] ?? ''] : modern ? [modern[1] ?? '', modern[2] ?? ''] : [];
    if (path.length > 0) found.push(failing({ framework: 'surefire', path, separator: '.', at }));
  }
  return found;
}

/** Gradle: `Class > method() FAILED`; a task that failed is no test. */
export const gradle: Recogniser = (lines) =>
  lines.flatMap((line, at) => {
    if (
      !line.endsWith(' FAILED') ||
      !line.includes(' > ') ||
      line.startsWith('>') ||
      line.startsWith('Execution')
    )
      return [];
    const path = line.slice(0, -' FAILED'.length).split(' > ');
    if (path[0]?.startsWith('Gradle Test Run') || path[0]?.startsWith('Gradle suite')) path.shift();
    const indent = indentOf(line);
    const end = blockEnd(lines, at, (text) => text.trim() !== '' && indentOf(text) <= indent);
    return [failing({ framework: 'gradle', path, at, end })];
  });

const JUNIT = /^ *\[junit(?:launcher)?\] ?/;

/** Ant's junit task: `Testsuite:` and `Testcase:` (JUnit 3, 4), or the summary of the platform launcher (5). */
export const antJunit: Recogniser = (lines) => {
  const found: FailingTest[] = [];
  let suite = { name: '', at: -1 };
  for (let at = 0; at < lines.length && found.length < MAX_FOUND; at += 1) {
    const line = lines[at] ?? '';
    const text = line.replace(JUNIT, '');
    if (text.startsWith('Testsuite: ')) suite = { name: text.slice('Testsuite: '.length).trim(), at };
    const testcase = /^Testcase: (\S+)(?: took|:|$)/.exec(text)?.[1];
    if (testcase) {
      const verdict = (lines[at + 1] ?? '').replace(JUNIT, '').trim();
      const failed =
        /^(?:FAILED|Caused an ERROR)/.test(verdict) || /:\s*(?:FAILED|Caused an ERROR)$/.test(text);
      if (!failed) continue;
      const end = blockEnd(lines, at, (next) => /^Test(?:case|suite): /.test(next.replace(JUNIT, '')));
      const nameLines = suite.at === -1 ? [at + 1] : [suite.at + 1, at + 1];
      found.push(
        failing({ framework: 'junit', path: [suite.name, testcase], separator: '.', at, end, nameLines }),
      );
      continue;
    }
    const source = line.includes('MethodSource [')
      ? /MethodSource \[className = '([^']{1,300})', methodName = '([^']{1,300})'/.exec(line)
      : null;
    if (!source || !/^\s*=> /.test((lines[at + 1] ?? '').replace(JUNIT, ''))) continue;
    const end = blockEnd(
      lines,
      at,
      (next) => /^\s*JUnit \w+:/.test(next.replace(JUNIT, '')) || next.includes('Test run finished'),
    );
    found.push(
      failing({
        framework: 'junit',
        path: [source[1] ?? '', source[2] ?? ''],
        separator: '.',
        at,
        start: at - 1,
        end,
      }),
    );
  }
  return found;
};

/** ScalaTest and Kotest's console: `- does something *** FAILED ***`. */
export const scalatest: Recogniser = (lines) =>
  lines.flatMap((line, at) => {
    const mark = line.indexOf(' *** FAILED ***');
    if (mark === -1) return [];
    const name = line
      .slice(0, mark)
      .replace(LEVEL, '')
      .replace(/^\s*(?:\[info\] )?\s*- /, '');
    return [failing({ framework: 'scalatest', path: [name], at, end: Math.min(at + 4, lines.length - 1) })];
  });
