/** Tries candidates one by one until the failed command is green; keeps what helps, takes back what does not. */
import type { FailureReport } from '../failure-report.ts';
import { compareFailures } from '../failure-report.ts';
import type { Run } from '../hunks.ts';
import { splitByLine } from '../hunks.ts';
import { transplants } from '../mend.ts';
import type { Plan } from '../plan.ts';
import type { Clues } from '../rank.ts';
import { scoreRun } from '../rank.ts';
import type { Candidate } from './candidates.ts';
import { runCandidate } from './candidates.ts';
import { run } from './run-command.ts';
import type { Applied, Workbench } from './workbench.ts';

export type Rejected = { label: string; because: string };
export type Kept = { candidate: Candidate; applied: Applied };
export type SearchResult = {
  green: boolean;
  kept: Kept[];
  rejected: Rejected[];
  report: FailureReport;
  tries: number;
};

/** Longer searches seldom end better, and cost the pipeline's time each. */
const maxTries = 14;

export type Search = {
  bench: Workbench;
  command: string;
  queue: Candidate[];
  start: FailureReport;
  clues: Clues;
  /** Installs what is declared; run before the command whenever a try has changed what that is. */
  install: string;
  /** A last word on a green try: why it is not acceptable, or undefined. */
  objection: () => Plan<string | undefined>;
};

export function* search({
  bench,
  command,
  queue,
  start,
  clues,
  install,
  objection,
}: Search): Plan<SearchResult> {
  const result: SearchResult = { green: false, kept: [], rejected: [], report: start, tries: 0 };
  const waiting = [...queue];
  let isStale = false;
  while (waiting.length > 0 && result.tries < maxTries) {
    const candidate = waiting.shift();
    if (!candidate) break;
    const attempt = yield* bench.apply(candidate);
    if (!attempt.ok) {
      result.rejected.push({
        label: candidate.label,
        because: `it could not be undone by itself: ${attempt.reason}`,
      });
      continue;
    }
    result.tries += 1;
    const touchesManifest = attempt.applied.paths.some(isManifest);
    const line = touchesManifest || isStale ? `${install} && ${command}` : command;
    const after = yield* run(line, bench.root, `Try ${result.tries}: run it without ${candidate.label}`);
    isStale = touchesManifest;
    const verdict = compareFailures(result.report, after);
    const refused = verdict === 'green' ? yield* objection() : undefined;
    if ((verdict === 'green' && refused === undefined) || verdict === 'better') {
      const best = yield* narrow(
        { candidate, applied: attempt.applied },
        { bench, command, clues, objection },
        result,
        after,
      );
      yield* bench.keep(best.kept.applied);
      result.kept.push(best.kept);
      result.report = best.report;
      if (best.report.passed) return { ...result, green: true };
      continue;
    }
    yield* bench.drop(attempt.applied);
    result.rejected.push({ label: candidate.label, because: refused ?? explain(verdict, after) });
    if (candidate.kind === 'run' && (verdict === 'mixed' || refused !== undefined))
      waiting.unshift(...finer(candidate, clues));
  }
  return result;
}

const maxNarrowing = 4;

/** A change of several lines helped: perhaps one of them is enough, and the others were meant. */
function* narrow(
  kept: Kept,
  { bench, command, clues, objection }: Pick<Search, 'bench' | 'command' | 'clues' | 'objection'>,
  result: SearchResult,
  report: FailureReport,
): Plan<{ kept: Kept; report: FailureReport }> {
  const { candidate, applied } = kept;
  if (candidate.kind !== 'run') return { kept, report };
  const mends = mendsFor(candidate.run, clues.runs).map((part) => runCandidate(part, candidate.score));
  const lines = finer(candidate, clues);
  const parts = [...mends, ...(lines.length > 1 ? lines : [])].slice(0, maxNarrowing);
  if (parts.length === 0) return { kept, report };
  yield* bench.drop(applied);
  for (const part of parts) {
    const attempt = yield* bench.apply(part);
    if (!attempt.ok) continue;
    const after = yield* run(command, bench.root, `See whether ${part.label} alone is enough`);
    const asGood = report.passed ? after.passed : compareFailures(report, after) === 'same';
    if (asGood && (!after.passed || (yield* objection()) === undefined)) {
      return { kept: { candidate: part, applied: attempt.applied }, report: after };
    }
    yield* bench.drop(attempt.applied);
    result.rejected.push({ label: part.label, because: 'undoing this line alone is not enough' });
  }
  const again = yield* bench.apply(candidate);
  return { kept: again.ok ? { candidate, applied: again.applied } : kept, report };
}

/** In the change itself, then in what else that commit changed in the file: moved code brings its mistake along. */
function mendsFor(run: Run, all: readonly Run[]): Run[] {
  const siblings = all.filter((other) => other.commit === run.commit && other.file === run.file);
  const oldLines = siblings.flatMap((other) => other.before);
  const own = siblings.filter((other) => other.newStart === run.newStart);
  return [...own, ...siblings.filter((other) => !own.includes(other))].flatMap((other) =>
    transplants(other, oldLines),
  );
}

function finer(candidate: Extract<Candidate, { kind: 'run' }>, clues: Clues): Candidate[] {
  return splitByLine(candidate.run)
    .map((part) => runCandidate(part, scoreRun(part, clues)))
    .sort((left, right) => right.score - left.score)
    .slice(0, 6);
}

export function isManifest(path: string): boolean {
  return /(^|\/)(package\.json|package-lock\.json|yarn\.lock|pnpm-lock\.yaml)$/.test(path);
}

function explain(verdict: string, after: FailureReport): string {
  const count = after.failing.length > 0 ? `${after.failing.length} failing test(s)` : after.message;
  if (verdict === 'mixed') return `undoing it mends something and breaks something else: ${count}`;
  if (verdict === 'worse') return `undoing it breaks more: ${count}`;
  return `undoing it changes nothing: still ${count}`;
}
