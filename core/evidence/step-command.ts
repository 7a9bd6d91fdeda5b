import type { StepKind } from '../contracts/run.ts';
import { type LogLine, splitLog } from './log-text.ts';

/** Headers are about a dozen lines; what comes later was written by the step, and proves nothing about it. */
const HEADER_LINES = 60;
const RULER = /^={20,}$/;
const OUTPUT_STARTS = /^=+ Starting Command Output =+$/;
/** Questions that task wrappers ask before they do their work. */
const WRAPPER_QUESTION = /(?:^|\s)(?:--version|-v|config (?:list|get)\b.*)$/;
/** The temporary script that a script task runs: it tells where, not what. */
const WRAPPER_SCRIPT = /(?:bash|sh|pwsh|powershell|cmd)(?:\.exe)?["']? .*_temp/i;
const CMD_SCRIPT_ENV = /^\s+(?:shell|env|with):/;

/**
 * The command of a failed step, from the header that the CI system prints before the step's own output; null
 * when the header does not tell it (Azure's script tasks show one-line scripts only).
 */
export function commandOf(logText: string): string | null {
  const lines = splitLog(headOf(logText));
  return azureScript(lines) ?? githubRun(lines) ?? wrapperCommand(lines);
}

function headOf(text: string): string {
  let end = -1;
  for (let line = 0; line < HEADER_LINES; line += 1) {
    end = text.indexOf('\n', end + 1);
    if (end === -1) return text.slice(0, 64_000);
  }
  return text.slice(0, Math.min(end, 64_000));
}

function azureScript(lines: LogLine[]): string | null {
  const header = azureHeaderEnd(lines);
  if (header === null) return null;
  const output = lines.findIndex((line) => OUTPUT_STARTS.test(line.text));
  if (output === -1 || output < header) return null;
  const contents = lines.findIndex((line, index) => index >= header && /^Script contents:/.test(line.text));
  if (contents === -1 || contents > output) return null;

  const inline = lines[contents]?.text.slice('Script contents:'.length).trim() ?? '';
  const script = [inline, ...lines.slice(contents + 1, output).map((line) => line.text.trimEnd())];
  return script.filter((line) => line !== '').join('\n') || null;
}

/** `##[group]Run npm test` opens a step of GitHub Actions. */
function githubRun(lines: LogLine[]): string | null {
  const first = lines.findIndex((line) => line.text.trim() !== '');
  const opening = lines[first];
  if (opening?.marker !== 'group' || !opening.text.startsWith('Run ')) return null;
  const script: string[] = [];
  for (const line of lines.slice(first + 1)) {
    if (CMD_SCRIPT_ENV.test(line.text) || /^(?:shell|env|with):/.test(line.text) || line.marker) break;
    script.push(line.text.trim());
  }
  const whole = script.filter((line) => line !== '').join('\n');
  const title = opening.text.slice('Run '.length).trim();
  return (whole.startsWith(title) ? whole : title) || null;
}

/** `[command]/usr/bin/npm ci` of a task such as Npm@1, past its questions about versions and settings. */
function wrapperCommand(lines: LogLine[]): string | null {
  const header = azureHeaderEnd(lines);
  if (header === null) return null;
  for (const line of lines.slice(header)) {
    if (OUTPUT_STARTS.test(line.text)) return null;
    const shown =
      line.marker === 'command' ? line.text : line.text.startsWith('[command]') ? line.text.slice(9) : null;
    if (shown === null || WRAPPER_QUESTION.test(shown)) continue;
    return WRAPPER_SCRIPT.test(shown) ? null : withoutProgramFolder(shown.trim());
  }
  return null;
}

/** Index of the first line after the description of the task, or null where there is no such header. */
function azureHeaderEnd(lines: LogLine[]): number | null {
  const opening = lines.findIndex((line) => RULER.test(line.text));
  if (opening === -1 || opening > 5) return null;
  const closing = lines.findIndex((line, index) => index > opening && RULER.test(line.text));
  const described = lines.slice(opening + 1, closing).some((line) => /^Task\s+:/.test(line.text));
  return closing !== -1 && described ? closing + 1 : null;
}

function withoutProgramFolder(command: string): string {
  const [, quoted, bare, rest] = /^(?:"([^"]+)"|(\S+))(.*)$/.exec(command) ?? [];
  const program = (quoted ?? bare ?? '').split(/[\\/]/).at(-1) ?? '';
  return `${program.replace(/\.(?:cmd|exe|bat)$/i, '')}${rest ?? ''}`;
}

const KINDS: [StepKind, RegExp][] = [
  [
    'dependencies',
    /\b(?:npm (?:ci|i|install)|(?:pnpm|yarn|bun|bundle|composer|poetry) install|pip3? install|(?:dotnet|nuget) restore|go mod (?:download|tidy)|cargo fetch|uv sync)\b/,
  ],
  [
    'lint',
    /\b(?:e?s?lint(?:er|ing)?|biome|prettier|stylelint|ruff|flake8|pylint|black|rubocop|clippy|golangci-lint|checkstyle|spotless\w*|ktlint|fmt|format(?:ting)?)\b/,
  ],
  ['types', /\b(?:tsc|type-?check(?:s|ing)?|types|mypy|pyright|vue-tsc)\b/],
  ['test', /\b(?:tests?|testing|vitest|jest|mocha|pytest|rspec|phpunit|ctest|tox|nox|e2e|unittest|verify)\b/],
  ['build', /\b(?:build|compile|make|cmake|webpack|rollup|vite|assemble|package|publish|msbuild)\b/],
];

/**
 * What kind of work the step is. Its command says most; then failing tests, which only a test step has; then
 * its name. A test command that runs other checks first (`npm run lint && node --test`) is what it was doing when
 * it failed, where `failedScript` tells. Decides which proof a fix needs.
 */
export function stepKind(step: {
  name: string;
  command: string | null;
  failingTests: readonly unknown[];
  /** From `failedScriptOf`. */
  failedScript?: string | null;
}): StepKind {
  const byCommand = step.command === null ? null : kindOf(step.command);
  const byScript = step.failedScript ? kindOf(step.failedScript) : null;
  if (byScript !== null && byScript !== 'test' && step.failingTests.length === 0) return byScript;
  if (
    byCommand === 'test' ||
    (step.failingTests.length > 0 && byCommand !== 'lint' && byCommand !== 'types')
  ) {
    return 'test';
  }
  return (
    byCommand ??
    kindOf(step.name) ??
    (/\b(?:install|restore|dependencies)\b/i.test(step.name) ? 'dependencies' : 'other')
  );
}

function kindOf(text: string): StepKind | null {
  const plain = text.slice(0, 2_000).toLowerCase();
  return KINDS.find(([, pattern]) => pattern.test(plain))?.[0] ?? null;
}

/** npm's heading of a script: `> name@1.2.3 lint`, then `> eslint .`. */
const SCRIPT_HEADING = /^> (?:\S+@\S+ |\S+ )?([\w:.-]+)(?: \/\S*)?$/;
const ASSERTION = /\bAssertionError\b|\bERR_ASSERTION\b|\bassertion failed\b|^\s*(?:not ok|✖|✗|✘|FAIL\b)/im;
const OUTER_TEST = /^(?:pre|post)?test$/;

/**
 * The package script inside a longer command that was running when the step failed: the last that announced itself.
 * Null where none did, where it is the test itself, or where anything that was printed after it speaks of a test.
 */
export function failedScriptOf(logText: string): string | null {
  const lines = splitLog(logText).map((line) => line.text);
  let last = -1;
  for (let at = 0; at + 1 < lines.length; at += 1)
    if (SCRIPT_HEADING.test(lines[at] ?? '') && /^> \S/.test(lines[at + 1] ?? '')) last = at;
  if (last === -1) return null;
  const name = SCRIPT_HEADING.exec(lines[last] ?? '')?.[1] ?? '';
  if (OUTER_TEST.test(name)) return null;
  const printed = lines
    .slice(last + 2)
    .join('\n')
    .slice(0, 1_000_000);
  return ASSERTION.test(printed) ? null : `${name} ${(lines[last + 1] ?? '').slice(2)}`;
}
