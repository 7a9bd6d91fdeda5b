/** A test file that cannot even be loaded names no test: a new file then says what must load, in the same framework. */
import { importsOf } from './paths.ts';

export type NewFile = { path: string; text: string; title: string };

/** `undefined` where the failing file imports nothing of the repository. */
export function writeLoadTest(
  failingFile: string,
  text: string,
  known: readonly string[],
): NewFile | undefined {
  const imports = [...new Set(importsOf(text))];
  if (imports.length === 0) return undefined;
  const isCommonJs = /\brequire\s*\(/.test(text) && !/^\s*import\s/m.test(text);
  const word = /(?:^|[^\w.])(test|it)(?:\.\w+)*\s*\(/m.exec(text)?.[1] ?? 'test';
  const title = `regression: what ${failingFile.split('/').at(-1)} needs can be loaded`;
  const body = imports.map((from) => (isCommonJs ? `  require('${from}');` : `  await import('${from}');`));
  const path = freePath(failingFile, known);
  const lines = [
    ...frameworkLines(text),
    '',
    `${word}('${title}', ${isCommonJs ? '' : 'async '}() => {`,
    ...body,
    '});',
    '',
  ];
  return { path, title, text: lines.join('\n').replace(/^\n/, '') };
}

function frameworkLines(text: string): string[] {
  const frameworks = /(['"])(node:test|test|vitest|@jest\/globals|mocha|bun:test|ava|uvu)\1/;
  return text
    .split('\n')
    .filter((line) => /^\s*(import\s|(const|let|var)\s.*require\()/.test(line) && frameworks.test(line));
}

/** `test/rate.test.js` → `test/rate-loads.test.js`. */
function freePath(file: string, known: readonly string[]): string {
  const cut = /^(.*\/)?([^/]+?)((?:[._-](?:test|spec)s?)?\.[cm]?[jt]sx?)$/.exec(file);
  const [folder, name, ending] = [cut?.[1] ?? '', cut?.[2] ?? 'module', cut?.[3] ?? '.test.js'];
  for (let count = 1; ; count += 1) {
    const path = `${folder}${name}-loads${count > 1 ? count : ''}${ending}`;
    if (!known.includes(path)) return path;
  }
}
