import { isTestFile } from '../../../../core/evidence/test-files.ts';
import type { Check } from '../fix-under-check.ts';
import { refusal, some } from '../refusal.ts';
import { testTitles } from '../test-titles.ts';
import { parseManifest } from './dependencies.ts';

const SCRIPT_CALL =
  /\b(?:npm|pnpm|yarn)\s+(?:-\S+\s+)*(?:run(?:-script)?\s+)?(?:-\S+\s+)*([A-Za-z_][\w:.-]*)/g;

/** Names of package scripts that a command runs: `npm test`, `npm run lint`. */
export function scriptsOf(command: string): string[] {
  return [...command.matchAll(SCRIPT_CALL)]
    .map(([, name = '']) => (name === 't' ? 'test' : name))
    .flatMap((name) => [`pre${name}`, name, `post${name}`]);
}

/** And the scripts that those run in turn, by name. */
export function reachedScripts(command: string, scripts: Readonly<Record<string, string>>): Set<string> {
  const reached = new Set<string>();
  const waiting = scriptsOf(command);
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (reached.has(name)) continue;
    reached.add(name);
    waiting.push(...scriptsOf(scripts[name] ?? ''));
  }
  return reached;
}

/** Programs that a script starts, in order: `npm run lint && node --test` gives `npm run lint` and `node`. */
function programsOf(script: string): string[] {
  return script
    .split(/&&|\|\||;|\|/)
    .map((part) => part.trim().replace(/^(?:\w+=\S*\s+)*(?:npx\s+(?:-\S+\s+)*)?/, ''))
    .map((part) => /^(?:npm|pnpm|yarn)\s+(?:run\s+)?[\w:.-]+|^\S+/.exec(part)?.[0] ?? '')
    .filter((program) => program !== '');
}

/** A script put back to what a recent ancestor had, which starts all that the present one starts. */
function isRestoredScript(
  was: string | undefined,
  is: string | undefined,
  past: (string | undefined)[],
): boolean {
  if (is === undefined || !past.includes(is)) return false;
  const started = new Set(programsOf(is));
  return programsOf(was ?? '').every((program) => started.has(program));
}

/** The command that failed must stay the command that passes: a script emptied of its work proves nothing. */
export const checkScripts: Check = ({ manifests, step, earlier }) => {
  const changed = manifests
    .filter(({ path, before }) => /(^|\/)package\.json$/.test(path) && before !== null)
    .flatMap(({ path, before, after }) => {
      const past = (earlier.get(path) ?? []).map((text) => parseManifest(text).scripts ?? {});
      const [was, is] = [parseManifest(before).scripts ?? {}, parseManifest(after).scripts ?? {}];
      return [...reachedScripts(step.command ?? 'npm test', was)]
        .filter((name) => was[name] !== is[name])
        .filter(
          (name) =>
            !isRestoredScript(
              was[name],
              is[name],
              past.map((scripts) => scripts[name]),
            ),
        )
        .map((name) => `${name} in ${path}`);
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
