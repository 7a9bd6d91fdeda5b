/** Linters and formatters that can mend what they complain about. */
import type { FailureReport } from '../failure-report.ts';
import type { Candidate } from './candidates.ts';
import type { Repository } from './look.ts';
import { quoteAll } from './shell.ts';

export function fixers(command: string, repository: Repository, report: FailureReport): Candidate[] {
  if (report.kind !== 'lint') return [];
  const paths = [...new Set(report.positions.map((place) => place.file))].filter((file) =>
    repository.files.includes(file),
  );
  const isFormat = /Formatter would have printed|Code style issues|prettier|format/i.test(report.output);
  return fixCommands(command, repository, paths).map((fix) => ({
    kind: 'fixer' as const,
    label: `the linter's own fixer (\`${fix.split(' --')[0]}\`)`,
    score: isFormat ? 90 : -5,
    command: fix,
    paths: paths.length > 0 ? paths : ['.'],
  }));
}

/** The fixing form of the tools behind `command`, for `paths` (all, when none is known). */
export function fixCommands(command: string, repository: Repository, paths: readonly string[]): string[] {
  const scriptName = /\b(?:npm|yarn|pnpm)(?: run)? ([\w:-]+)/.exec(command)?.[1] ?? '';
  const text = `${command} ${repository.scripts[scriptName] ?? ''}`;
  const files = paths.length > 0 ? quoteAll(paths) : '.';
  const found: string[] = [];
  if (/\bbiome\b/.test(text)) found.push(`npx --no-install biome check --write ${files}`);
  if (/\beslint\b/.test(text)) found.push(`npx --no-install eslint --fix ${files}`);
  if (/\bprettier\b/.test(text)) found.push(`npx --no-install prettier --write ${files}`);
  return found;
}
