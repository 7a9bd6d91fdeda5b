/** What could be undone or mended, likeliest first. Pure. */
import type { FailureReport } from '../failure-report.ts';
import type { CommitChange, FileChange, Run } from '../hunks.ts';
import { splitByLine } from '../hunks.ts';
import { fileKind, isTestFile, stem } from '../paths.ts';
import type { Clues } from '../rank.ts';
import { scoreRun } from '../rank.ts';

export type Candidate =
  | { kind: 'run'; label: string; score: number; run: Run }
  | { kind: 'files'; label: string; score: number; ref: string; files: FileChange[] }
  | { kind: 'revert'; label: string; score: number; from: string; to: string; paths: string[] }
  | { kind: 'fixer'; label: string; score: number; command: string; paths: string[] };

const firstSingles = 8;
const groupFiles = 3;
const groupCommits = 3;

export function candidates(
  changes: readonly CommitChange[],
  base: string | undefined,
  clues: Clues,
  fixers: Candidate[],
): Candidate[] {
  const files = changes.flatMap((commit) => commit.files);
  const productRuns = files
    .filter((file) => file.status === 'modified' || file.status === 'renamed')
    .flatMap((file) => file.runs)
    .filter((run) => !['test', 'docs', 'lock', 'pipeline'].includes(fileKind(run.file)));
  const singles = [...runCandidates(productRuns, clues), ...fileCandidates(files, clues), ...fixers].sort(
    byScore,
  );
  const groups = [...wholeFiles(productRuns, files, base, clues), ...wholeCommits(changes, base)];
  const last = lastResort(files, clues);
  return [...singles.slice(0, firstSingles), ...groups, ...singles.slice(firstSingles), ...last];
}

export function runCandidate(run: Run, score: number): Candidate {
  const shown = (
    run.after.find((line) => line.trim()) ??
    run.before.find((line) => line.trim()) ??
    ''
  ).trim();
  return { kind: 'run', label: `${run.file}:${run.newStart} (\`${shown.slice(0, 80)}\`)`, score, run };
}

function runCandidates(runs: readonly Run[], clues: Clues): Candidate[] {
  return runs.flatMap((run) => {
    const whole = runCandidate(run, scoreRun(run, clues));
    if (clues.report.kind !== 'lint' && clues.report.kind !== 'types') return [whole];
    // A linter names the very line: undo that one alone before all that came with it.
    const named = splitByLine(run).filter((part) =>
      clues.report.positions.some((place) => place.file === part.file && place.line === part.newStart),
    );
    return [whole, ...named.map((part) => runCandidate(part, whole.score + (run.after.length > 2 ? 3 : -1)))];
  });
}

/** Files that came, went or moved as a whole. */
function fileCandidates(files: readonly FileChange[], clues: Clues): Candidate[] {
  const worth = { deleted: 22, renamed: 8, added: -6, modified: 6 };
  return files
    .filter((file) => file.status !== 'modified' || file.binary)
    .filter(
      (file) =>
        !['docs', 'pipeline'].includes(fileKind(file.path)) &&
        !(isTestFile(file.path) && file.status !== 'deleted'),
    )
    .map((file) => ({
      kind: 'files' as const,
      label: `${file.path} (${file.status}${file.status === 'renamed' ? ` from ${file.oldPath}` : ''})`,
      score: worth[file.status] + mentionScore(file, clues.report) + (isTestFile(file.path) ? -20 : 0),
      ref: `${file.commit}^`,
      files: [file],
    }));
}

function mentionScore(file: FileChange, report: FailureReport): number {
  const name = file.oldPath.split('/').at(-1) ?? file.oldPath;
  if (report.output.includes(name)) return 40;
  return new RegExp(`\\b${stem(file.oldPath).replace(/[^\w-]/g, '.')}\\b`).test(report.output) ? 20 : 0;
}

function wholeFiles(
  runs: readonly Run[],
  files: readonly FileChange[],
  base: string | undefined,
  clues: Clues,
): Candidate[] {
  if (base === undefined) return [];
  const paths = [...new Set(runs.map((run) => run.file))];
  return paths
    .map((path) => ({ path, own: runs.filter((run) => run.file === path) }))
    .filter(({ own }) => own.length > 1)
    .map(({ path, own }) => ({
      kind: 'files' as const,
      label: `all changes in ${path}`,
      score: Math.max(...own.map((run) => scoreRun(run, clues))),
      ref: base,
      files: files.filter((file) => file.path === path && file.status === 'modified').slice(0, 1),
    }))
    .filter((candidate) => candidate.files.length > 0)
    .sort(byScore)
    .slice(0, groupFiles);
}

/** A commit without its tests; then the whole range without its tests. */
function wholeCommits(changes: readonly CommitChange[], base: string | undefined): Candidate[] {
  const revert = (label: string, from: string, to: string, files: readonly FileChange[]): Candidate[] => {
    const paths = [
      ...new Set(
        files
          .filter((file) => !isTestFile(file.path) && fileKind(file.path) !== 'pipeline')
          .flatMap((file) => [file.oldPath, file.path]),
      ),
    ];
    return paths.length > 0 ? [{ kind: 'revert', label, score: 0, from, to, paths }] : [];
  };
  const each = changes
    .filter((commit) => commit.files.length > 1)
    .slice(0, groupCommits)
    .flatMap((commit) =>
      revert(
        `commit ${commit.sha.slice(0, 9)} "${commit.subject}"`,
        `${commit.sha}^`,
        commit.sha,
        commit.files,
      ),
    );
  if (changes.length < 2 || base === undefined) return each;
  return [
    ...each,
    ...revert(
      'all commits since the last green one',
      base,
      'HEAD',
      changes.flatMap((commit) => commit.files),
    ),
  ];
}

/** Only when nothing in the product explains it: the changed expectation, or the pipeline file. */
function lastResort(files: readonly FileChange[], clues: Clues): Candidate[] {
  return files
    .filter(
      (file) => file.status === 'modified' && ['test', 'pipeline', 'lock'].includes(fileKind(file.path)),
    )
    .flatMap((file) => file.runs)
    .map((run) => runCandidate(run, scoreRun(run, clues)))
    .sort(byScore)
    .slice(0, 3);
}

function byScore(left: Candidate, right: Candidate): number {
  return right.score - left.score;
}
