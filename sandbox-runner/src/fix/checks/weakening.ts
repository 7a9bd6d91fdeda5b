import type { Check } from '../fix-under-check.ts';
import { isTestFile } from '../path-patterns.ts';
import { refusal, some } from '../refusal.ts';
import { testTitles } from '../test-titles.ts';
import { parseManifest } from './dependencies.ts';

/** Names of package scripts that a command runs: `npm test`, `npm run lint`. */
export function scriptsOf(command: string): string[] {
  const named = [
    ...command.matchAll(/\b(?:npm|pnpm|yarn)(?:\s+--?\S+)*\s+(?:run(?:-script)?\s+)?([\w:.-]+)/g),
  ];
  return named
    .map((match) => (match[1] === 't' ? 'test' : (match[1] ?? '')))
    .flatMap((name) => [`pre${name}`, name, `post${name}`]);
}

/** The command that failed must stay the command that passes: a script emptied of its work proves nothing. */
export const checkScripts: Check = ({ manifests, step }) => {
  const watched = scriptsOf(step.command ?? 'npm test');
  const changed = manifests
    .filter(({ path, before }) => /(^|\/)package\.json$/.test(path) && before !== null)
    .flatMap(({ path, before, after }) => {
      const [was, is] = [parseManifest(before).scripts ?? {}, parseManifest(after).scripts ?? {}];
      return watched.filter((name) => was[name] !== is[name]).map((name) => `${name} in ${path}`);
    });
  if (changed.length === 0) return [];
  return [
    refusal('checked_script_changed', `The failed step runs these scripts, so they stay: ${some(changed)}.`),
  ];
};

/** Tests may be added and moved, not taken away or switched off. */
export const checkTestsKept: Check = ({ net, netLines }) => {
  const gone = net.filter(({ path, status }) => status === 'deleted' && isTestFile(path));
  const lines = netLines.filter(({ path }) => isTestFile(path));
  const text = (kind: 'added' | 'removed') =>
    lines.filter((line) => line.kind === kind).map((line) => line.text);
  const kept = new Set(testTitles(text('added').join('\n')));
  const lost = testTitles(text('removed').join('\n')).filter((title) => !kept.has(title));
  const off = text('added').filter((line) =>
    /\b(?:test|it|describe)\.(?:skip|only|todo)\b|\bx(?:it|test|describe)\(/.test(line),
  );
  return [
    ...(gone.length > 0
      ? [refusal('test_removed', `Test files stay: ${some(gone.map(({ path }) => path))}.`)]
      : []),
    ...(lost.length > 0
      ? [
          refusal(
            'test_removed',
            `These tests are gone: ${some(lost, 5)}. Mend the code, or report that a test is wrong.`,
          ),
        ]
      : []),
    ...(off.length > 0
      ? [
          refusal(
            'test_disabled',
            `Tests are switched off: ${some(
              off.map((line) => line.trim().slice(0, 100)),
              5,
            )}.`,
          ),
        ]
      : []),
  ];
};
