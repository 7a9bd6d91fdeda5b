/** Adds a regression test and sees it red without the fix and green with it. */
import type { FailureReport } from '../failure-report.ts';
import { importsOf, isTestFile, resolveImport, stem, withoutExtension } from '../paths.ts';
import type { Plan } from '../plan.ts';
import type { FailingTest } from '../reports/failing-test.ts';
import type { NewFile } from '../write-load-test.ts';
import { writeLoadTest } from '../write-load-test.ts';
import type { NewTest } from '../write-test.ts';
import {
  firstAssertion,
  isWholeFile,
  titlesIn,
  writeRegressionAssertion,
  writeRegressionTest,
} from '../write-test.ts';
import { run } from './run-command.ts';
import { bash, quote } from './shell.ts';
import type { Workbench } from './workbench.ts';

export type ProvenTest = { file: string; title: string; basedOn: string };

const maxProofs = 3;

export type Proving = {
  bench: Workbench;
  command: string;
  before: FailureReport;
  fixedPaths: string[];
  knownFiles: readonly string[];
};

export function* proveByTest(proving: Proving): Plan<ProvenTest | undefined> {
  const { bench, before, fixedPaths } = proving;
  let tried = 0;
  for (const failing of before.failing) {
    if (tried >= maxProofs) return undefined;
    const files = yield* filesOf(failing, proving);
    for (const file of files.filter((path) => !fixedPaths.includes(path))) {
      const text = yield* bench.read(file);
      if (text === undefined) continue;
      const load = isWholeFile(failing) ? writeLoadTest(file, text, proving.knownFiles) : undefined;
      const test = isWholeFile(failing) ? undefined : writeRegressionTest(text, failing);
      if (!load && !test) continue;
      tried += 1;
      const proven = load
        ? yield* proveByFile(proving, load)
        : test && (yield* proveByCopy(proving, file, test));
      if (proven) return proven;
      break;
    }
  }
  if (before.failing.some((failing) => failing.file !== undefined && !isWholeFile(failing))) return undefined;
  return (yield* proveByAssertion(proving)) ?? (yield* proveByRelated(proving));
}

const maxRelated = 2;

/** No test was named (it hung, or nothing could be loaded): those that import what was mended are said once more. */
function* proveByRelated(proving: Proving): Plan<ProvenTest | undefined> {
  const { bench, fixedPaths, knownFiles, before } = proving;
  const fixed = new Set(fixedPaths.map(withoutExtension));
  const tests = knownFiles
    .filter((file) => isTestFile(file) && /\.[cm]?[jt]sx?$/.test(file) && !fixedPaths.includes(file))
    .sort(
      (left, right) =>
        Number(fixedPaths.some((path) => stem(path) === stem(right))) -
        Number(fixedPaths.some((path) => stem(path) === stem(left))),
    );
  let tried = 0;
  for (const file of tests.slice(0, 6)) {
    const text = yield* bench.read(file);
    if (text === undefined || tried >= maxRelated) continue;
    const isRelated = importsOf(text).some((to) => fixed.has(resolveImport(file, to)));
    if (!isRelated && !fixedPaths.some((path) => stem(path) === stem(file)) && tests.length > 1) continue;
    tried += 1;
    const title = titlesIn(text)[0];
    const line = firstAssertion(text);
    const test =
      title !== undefined
        ? writeRegressionTest(text, { path: [title], file, line: undefined, message: '' })
        : line === undefined
          ? undefined
          : writeRegressionAssertion(text, line, before.message);
    const proven = test && (yield* proveByCopy(proving, file, test));
    if (proven) return proven;
  }
  return undefined;
}

/** Plain scripts: the assertion that failed, found by its place in the output. */
function* proveByAssertion(proving: Proving): Plan<ProvenTest | undefined> {
  const { bench, before, fixedPaths } = proving;
  const places = before.positions.filter(
    (place) => isTestFile(place.file) && !fixedPaths.includes(place.file),
  );
  for (const place of places.slice(0, maxProofs)) {
    const text = yield* bench.read(place.file);
    const test =
      text === undefined
        ? undefined
        : writeRegressionAssertion(text, place.line, before.message.replace(/^.*?Error[^:]*: /, ''));
    const proven = test ? yield* proveByCopy(proving, place.file, test) : undefined;
    if (proven) return proven;
  }
  return undefined;
}

function* proveByCopy(proving: Proving, file: string, test: NewTest): Plan<ProvenTest | undefined> {
  const { bench } = proving;
  const text = yield* bench.read(file);
  const said = `The fix holds. Adding a regression test beside "${test.basedOn.slice(0, 100)}".`;
  if (!(yield* bench.edit(file, test.edit.oldText, test.edit.newText, said))) return undefined;
  const snapshots =
    text !== undefined && /toMatchSnapshot\(/.test(test.edit.newText)
      ? yield* copySnapshots(proving, file, test)
      : undefined;
  if (yield* isProof(proving, file, test.title)) {
    if (snapshots) yield* bash(`git add -- ${quote(snapshots)}`, 'Keep the snapshot of the new test');
    return { file, title: test.title, basedOn: test.basedOn };
  }
  if (snapshots) yield* bash(`git checkout -q -- ${quote(snapshots)}`, 'Put the snapshots back');
  yield* bench.edit(file, test.edit.newText, test.edit.oldText, 'This copy proves nothing; taking it back.');
  return undefined;
}

/** A new title has no snapshot, and a pipeline writes none: it gets a copy of the one it repeats. */
function* copySnapshots({ bench }: Proving, file: string, test: NewTest): Plan<string | undefined> {
  const path = file.replace(/([^/]+)$/, '__snapshots__/$1.snap');
  const text = yield* bench.read(path);
  if (text === undefined) return undefined;
  const entries = [...text.matchAll(/^exports\[`([^`]*)`\] = `[\s\S]*?[^\\]`;$/gm)].filter(([, name = '']) =>
    name.replace(/ \d+$/, '').endsWith(test.basedOn),
  );
  const copies = entries.map(([whole, name = '']) => {
    const renamed = name.replace(test.basedOn, () => test.title);
    return whole.replace(name, () => renamed);
  });
  if (copies.length === 0) return undefined;
  const content = `${text.trimEnd()}\n\n${copies.join('\n\n')}\n`;
  bench.texts.delete(path);
  const written = yield {
    name: 'Write',
    input: { file_path: `${bench.root}/${path}`, content },
    say: 'The new test needs its snapshot.',
  };
  return written.isError ? undefined : path;
}

function* proveByFile(proving: Proving, { path, text, title }: NewFile): Plan<ProvenTest | undefined> {
  const { root } = proving.bench;
  const say = 'The fix holds. The failing file could not be loaded at all, so a new one says what must load.';
  const written = yield { name: 'Write', input: { file_path: `${root}/${path}`, content: text }, say };
  if (written.isError) return undefined;
  if (yield* isProof(proving, path, title)) return { file: path, title, basedOn: path };
  yield* bash(`rm -f -- ${quote(`${root}/${path}`)}`, 'Take the new file away: it proves nothing');
  return undefined;
}

/** Red by its own name without the fix, green with it. */
function* isProof({ bench, command, knownFiles }: Proving, file: string, title: string): Plan<boolean> {
  const red = yield* run(
    command,
    bench.root,
    'Run with the new test but without the fix: must be red',
    withoutFix,
  );
  const named =
    red.failing.length === 0 ||
    red.failing.some((test) => test.path.join(' ').includes(title)) ||
    // A file that hangs is named as a whole.
    (knownFiles.includes(file) &&
      red.failing.some((test) => isWholeFile(test) && file.endsWith(test.path.at(-1) ?? '?')));
  if (red.passed || !named) return false;
  const green = yield* run(command, bench.root, 'Run with the new test and the fix: must be green');
  if (!green.passed) return false;
  yield* bash(`git add -- ${quote(file)} && git status --short | head -20`, 'Keep the new test');
  return true;
}

/** The fix is what is staged; it is taken out for the length of the command and put back whatever happens. */
const withoutFix = {
  before: [
    'fix=$(mktemp) && git diff --cached --binary HEAD > "$fix"',
    'git apply -R --index --whitespace=nowarn "$fix" || { echo "the fix could not be taken out"; echo "[exit code 0]"; exit 0; }',
  ],
  after: ['git apply --index --whitespace=nowarn "$fix"; rm -f "$fix"'],
};

/** Where the failing test may stand, likeliest first: an assertion helper is named by the output as well. */
function* filesOf(failing: FailingTest, { bench, knownFiles, before }: Proving): Plan<string[]> {
  const stated = failing.file;
  const byName = knownFiles.find((file) => file === stated || stated?.endsWith(`/${file}`));
  if (byName !== undefined && isWholeFile(failing)) return [byName];
  const titles = [failing.path.at(-1) ?? '', (failing.path.at(-1) ?? '').split(/: | — /)[0] ?? ''];
  const byTitle: string[] = [];
  for (const title of new Set(titles.filter((text) => text.length > 2))) {
    const found = yield* bash(
      `cd ${quote(bench.root)}; git grep -lF -e ${quote(title)} -- '*.js' '*.ts' '*.mjs' '*.cjs' '*.mts' '*.cts' '*.jsx' '*.tsx' | head -5`,
      'Find the file of the failing test',
    );
    byTitle.push(
      ...found.text
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => knownFiles.includes(line)),
    );
    if (byTitle.length > 0) break;
  }
  const placed = before.positions.map(({ file }) => file).filter((file) => knownFiles.includes(file));
  const likely = [...byTitle.filter(isTestFile), ...(byName === undefined ? [] : [byName])];
  // Only a runner's own word makes a test of a file that is not named like one.
  const named = byTitle.filter((file) => placed.includes(file));
  return [...new Set([...likely, ...named, ...placed.filter(isTestFile)])].filter((file) =>
    /\.[cm]?[jt]sx?$/.test(file),
  );
}
