import { blockEnd, type FailingTest, failing, indentOf, MAX_FOUND, type Recogniser } from './found.ts';

const GO_FAIL = /^( *)--- FAIL: (\S+) \([\d.]+s\)$/;

/** go test: `--- FAIL: TestX/sub (0.00s)`; a parent only passes on what its sub-test says. */
export const goTest: Recogniser = (lines) => {
  const found: FailingTest[] = [];
  for (let at = 0; at < lines.length && found.length < MAX_FOUND; at += 1) {
    const line = lines[at] ?? '';
    const broken = line.startsWith('FAIL\t')
      ? /^FAIL\t(\S+) \[(?:build|setup) failed\]$/.exec(line)?.[1]
      : undefined;
    if (broken) found.push(failing({ framework: 'go', path: [broken], at }));
    const match = line.includes('--- FAIL: ') ? GO_FAIL.exec(line) : null;
    if (!match) continue;
    const indent = match[1]?.length ?? 0;
    const end = blockEnd(lines, at, (text) => text.trim() !== '' && indentOf(text) <= indent);
    found.push(failing({ framework: 'go', path: (match[2] ?? '').split('/'), separator: '/', at, end }));
  }
  const parents = new Set(
    found.flatMap((test) =>
      test.path.slice(1, 20).map((_, level) => test.path.slice(0, level + 1).join('/')),
    ),
  );
  return found.filter((test) => !parents.has(test.name));
};

/** cargo test: `test path::name ... FAILED`, with its block under `---- path::name stdout ----`; and nextest. */
export const cargoTest: Recogniser = (lines) => {
  const blocks = new Map<string, number>();
  const found: FailingTest[] = [];
  for (let at = 0; at < lines.length && found.length < MAX_FOUND; at += 1) {
    const line = lines[at] ?? '';
    if (line.startsWith('---- ')) {
      const name = /^---- (.+) std(?:out|err) ----$/.exec(line)?.[1];
      if (name) blocks.set(name, at);
    }
    const plain =
      line.startsWith('test ') && line.endsWith(' ... FAILED') ? line.slice(5, -' ... FAILED'.length) : null;
    const next = line.includes('FAIL [')
      ? /^ *FAIL \[ *[\d.]+s\] (?:\( *\d+\/\d+\) )?(\S+) (\S+)$/.exec(line)
      : null;
    const name = plain ?? (next ? `${next[1]} ${next[2]}` : null);
    if (name)
      found.push(
        failing({
          framework: 'cargo',
          path: name.replace(/ - should panic$/, '').split('::'),
          separator: '::',
          at,
        }),
      );
  }
  return found.map((test) => {
    const at = blocks.get(test.name);
    if (at === undefined) return test;
    return {
      ...test,
      fromLine: at + 1,
      toLine: blockEnd(lines, at, (line) => line.startsWith('---- ') || line === 'failures:') + 1,
    };
  });
};

/** dotnet test: `  Failed Namespace.Class.Method [12 ms]`, else xUnit's own `[FAIL]` lines. */
export const dotnetTest: Recogniser = (lines) => {
  const found = lines.flatMap((line, at) => {
    const name =
      /^ *(?:Failed|X) +(\S.*?) \[[<\d].{0,20}\]$/.exec(line)?.[1] ??
      /^Failed +([\w.]+\(.*\)|\w+(?:\.\w+)+)$/.exec(line)?.[1];
    if (!name) return [];
    const end = blockEnd(
      lines,
      at,
      (text) => /^ *(?:Failed|Passed|Skipped|X) .+\[/.test(text) || /^(?:Failed!|Test Run Failed)/.test(text),
    );
    return [failing({ framework: 'dotnet', path: [name], at, end })];
  });
  if (found.length > 0) return found;
  return lines.flatMap((line, at) => {
    const name = line.trimEnd().endsWith('[FAIL]')
      ? /^\[xUnit\.net [\d:.]+\] +(.+) \[FAIL\]$/.exec(line.trimEnd())?.[1]
      : undefined;
    return name
      ? [failing({ framework: 'dotnet', path: [name], at, end: Math.min(at + 6, lines.length - 1) })]
      : [];
  });
};

/** phpunit: `There was 1 failure:` or `errors:`, then `1) Namespace\Class::method`. */
export const phpunit: Recogniser = (lines) => {
  const found: FailingTest[] = [];
  let inside = false;
  for (let at = 0; at < lines.length && found.length < MAX_FOUND; at += 1) {
    const line = lines[at] ?? '';
    if (/^There (?:was|were) \d+ (?:failure|error)s?:$/.test(line)) inside = true;
    else if (/^(?:There (?:was|were)|FAILURES!|ERRORS!|Tests: \d+)/.test(line)) inside = false;
    const name = inside ? /^\d{1,5}\) ([\w\\]+::.+)$/.exec(line)?.[1] : undefined;
    if (!name) continue;
    const end = blockEnd(lines, at, (text) => /^(?:\d{1,5}\) |--$|FAILURES!|ERRORS!|There w)/.test(text));
    found.push(failing({ framework: 'phpunit', path: name.split('::'), separator: '::', at, end }));
  }
  return found;
};

/** rspec: the closing list of commands (`rspec ./spec/a_spec.rb:12 # Thing does it`), with blocks under `Failures:`. */
export const rspec: Recogniser = (lines) => {
  const blocks = new Map<string, { at: number; end: number }>();
  const found: FailingTest[] = [];
  let inside = false;
  for (let at = 0; at < lines.length && found.length < MAX_FOUND; at += 1) {
    const line = lines[at] ?? '';
    if (line === 'Failures:') inside = true;
    else if (/^(?:Finished in |Failed examples:)/.test(line)) inside = false;
    const title = inside ? /^ {2}\d{1,5}\) (.+)$/.exec(line)?.[1] : undefined;
    if (title)
      blocks.set(title, {
        at,
        end: blockEnd(lines, at, (text) => /^ {2}\d{1,5}\) /.test(text) || text.startsWith('Finished in ')),
      });
    const listed = line.startsWith('rspec ') ? /^rspec (\S+) # (.+)$/.exec(line) : null;
    if (listed) {
      const block = blocks.get(listed[2] ?? '');
      const test = failing({
        framework: 'rspec',
        path: [listed[2] ?? ''],
        at,
        file: (listed[1] ?? '').replace(/^'?\.\//, ''),
      });
      found.push(block ? { ...test, fromLine: block.at + 1, toLine: block.end + 1 } : test);
    }
  }
  if (found.length > 0) return found;
  return [...blocks].map(([name, block]) => failing({ framework: 'rspec', path: [name], ...block }));
};

/** minitest: ` 1) Failure:` (or `Error:`), then `TestThing#test_it [file:12]:`. */
export const minitest: Recogniser = (lines) =>
  lines.flatMap((line, at) => {
    if (!/^ {0,4}(?:\d+\) )?(?:Failure|Error):$/.test(line)) return [];
    const match = /^([\w:]+)#(\w.*?)(?: \[(.+:\d+)\])?:$/.exec(lines[at + 1] ?? '');
    if (!match) return [];
    const end = blockEnd(
      lines,
      at + 1,
      (text) => /^ {0,4}(?:\d+\) )?(?:Failure|Error):$/.test(text) || /^\d+ (?:runs|tests),/.test(text),
    );
    return [
      failing({
        framework: 'minitest',
        path: [match[1] ?? '', match[2] ?? ''],
        separator: '#',
        start: at,
        at: at + 1,
        end,
        file: match[3] ?? null,
      }),
    ];
  });

/** GoogleTest (`[  FAILED  ] Suite.Test (0 ms)`) and CTest (`  3 - name (Failed)`). */
export const cppTest: Recogniser = (lines) =>
  lines.flatMap((line, at) => {
    if (!line.includes('FAILED') && !line.includes('Failed)') && !line.includes('Timeout)')) return [];
    const google = /^\[ {2}FAILED {2}\] (\w+(?:\/\w+)*\.\w+(?:\/\w+)*)(?:,.{0,300})?(?: \(\d+ ms\))?$/.exec(
      line,
    )?.[1];
    const ctest = /^\s+\d+ - (\S.*?) \((?:Failed|Timeout|SEGFAULT)\)/.exec(line)?.[1];
    const name = google ?? ctest;
    return name ? [failing({ framework: google ? 'googletest' : 'ctest', path: [name], at })] : [];
  });
