/**
 * Plays a developer who is handed a failed build: reproduce it, find what the latest commits changed, undo or mend
 * the guilty lines, prove it by a test, commit, submit, report.
 */
import { stepKind } from '../../../core/evidence/step-command.ts';
import { candidates } from './cody/candidates.ts';
import { commit, isRefused, report, type Story, submit } from './cody/finish.ts';
import { fixCommands, fixers } from './cody/fixers.ts';
import { lookAround, lookAtChanges, type Repository } from './cody/look.ts';
import { type ProvenTest, proveByTest } from './cody/prove.ts';
import { guessCommands, installCommand, installIfNeeded, otherChecks, run } from './cody/run-command.ts';
import { isManifest, type SearchResult, search } from './cody/search.ts';
import { bash, quoteAll } from './cody/shell.ts';
import { fixedStory, unsolvedStory, type Work } from './cody/story.ts';
import { Workbench } from './cody/workbench.ts';
import type { FailureReport } from './failure-report.ts';
import type { FileChange } from './hunks.ts';
import { importsOf, isTestFile, resolveImport, stem } from './paths.ts';
import type { Plan } from './plan.ts';
import type { Clues } from './rank.ts';
import type { FixTask } from './recognise-task.ts';

export function* fixFailure(task: FixTask): Plan<string> {
  const repository = yield* lookAround();
  if (repository.isDirty)
    yield* bash(
      'git stash push -q -m "found on arrival" && git status --short',
      'Put aside changes that are not committed',
    );
  const install = yield* installIfNeeded(repository, task.facts.failedCommand);
  const { command, before } = yield* reproduce(task, repository);
  const bench = new Workbench(repository.root);
  const testTexts = yield* readTests(bench, before, repository);
  const changes = yield* lookAtChanges(task.facts.lastGreenCommit, likelyWords(before, testTexts));
  const nothing: SearchResult = { green: false, kept: [], rejected: [], report: before, tries: 0 };
  const facts = { command, before, changes, head: repository.head };
  if (before.passed) {
    return yield* conclude(
      task,
      unsolvedStory(
        'not_code',
        `\`${command}\` passes at this commit, twice: the failure cannot be reproduced.`,
        { ...facts, result: nothing },
      ),
    );
  }

  const clues = yield* gatherClues(
    bench,
    { before, testTexts },
    repository,
    changes.commits.flatMap((one) => one.files),
  );
  const result = yield* search({
    bench,
    command,
    queue: candidates(changes.commits, changes.base, clues, fixers(command, repository, before)),
    start: before,
    clues,
    install: installCommand(repository),
    objection: () => objectionTo(command, before, repository),
  });
  if (!result.green) {
    const finding =
      install && !install.passed
        ? `The dependencies could not be installed here (${install.message}), so the failure could not be told apart from that.`
        : `${before.message} No single change since ${changes.base?.slice(0, 9) ?? 'the first commit'} explains it.`;
    return yield* conclude(task, unsolvedStory('not_diagnosable', finding, { ...facts, result }));
  }

  const fixedPaths = result.kept.flatMap((kept) => kept.applied.paths);
  const proofCommand = fixedPaths.some(isManifest) ? `${installCommand(repository)} && ${command}` : command;
  const proving = { bench, command: proofCommand, before, fixedPaths, knownFiles: repository.files };
  const test = needsTest(before, command) ? yield* proveByTest(proving) : undefined;
  yield* satisfyOtherChecks(command, repository, [...fixedPaths, ...(test ? [test.file] : [])]);
  return yield* deliver(task, { ...facts, result, test });
}

function* reproduce(task: FixTask, repository: Repository): Plan<{ command: string; before: FailureReport }> {
  const stated = task.facts.failedCommand;
  const commands = stated === undefined ? guessCommands(task.facts, repository) : [stated];
  if (commands.length === 0) commands.push('npm test');
  let last: { command: string; before: FailureReport } | undefined;
  for (const command of commands) {
    last = { command, before: yield* run(command, repository.root, 'Reproduce the failure') };
    if (!last.before.passed) return last;
  }
  const command = last?.command ?? 'npm test';
  // Once is luck: a failure that comes and goes shows itself in a second run more often than not.
  return {
    command,
    before: yield* run(command, repository.root, 'Run it once more, in case it comes and goes'),
  };
}

/** A test command that hangs or cannot load anything names no test, and needs one all the same. */
function needsTest(before: FailureReport, command: string): boolean {
  return (
    before.kind === 'test' ||
    (before.kind === 'other' && stepKind({ name: '', command, failingTests: [] }) === 'test')
  );
}

const maxTestsRead = 3;
const maxSourcesRead = 4;

/** The failing tests' files: what they import and say shows where to look. */
function* readTests(
  bench: Workbench,
  before: FailureReport,
  repository: Repository,
): Plan<Record<string, string>> {
  const named = [
    ...before.failing.map((test) => test.file ?? ''),
    ...before.positions.map((place) => place.file),
  ];
  const tests = [...new Set(named)].filter((file) => isTestFile(file) && repository.files.includes(file));
  const texts: Record<string, string> = {};
  for (const file of tests.slice(0, maxTestsRead)) texts[file] = (yield* bench.read(file)) ?? '';
  return texts;
}

/** Parts of paths, the most telling first: places in the output, what the failing tests import, their own names. */
function likelyWords(before: FailureReport, testTexts: Record<string, string>): string[] {
  const imported = Object.entries(testTexts).flatMap(([path, text]) =>
    importsOf(text).map((from) => resolveImport(path, from)),
  );
  const places = before.positions.map((place) => place.file);
  return [...new Set([...places, ...imported, ...places.map(stem)])].filter((word) => word.length > 1);
}

/** Reads the likeliest of the changed files, whose imports carry suspicion on. */
function* gatherClues(
  bench: Workbench,
  { before, testTexts }: { before: FailureReport; testTexts: Record<string, string> },
  repository: Repository,
  changed: readonly FileChange[],
): Plan<Clues> {
  const runs = changed.flatMap((file) => file.runs);
  const clues: Clues = { report: before, testTexts, sourceTexts: {}, runs };
  const likely = likelyWords(before, testTexts);
  const rank = (file: string): number => {
    const index = likely.findIndex((word) => file.includes(word));
    return index < 0 ? likely.length : index;
  };
  const sources = [...new Set(changed.map((file) => file.path))]
    .filter((file) => /\.[cm]?[jt]sx?$/.test(file) && !isTestFile(file) && repository.files.includes(file))
    .sort((left, right) => rank(left) - rank(right));
  for (const file of sources.slice(0, maxSourcesRead))
    clues.sourceTexts[file] = (yield* bench.read(file)) ?? '';
  return clues;
}

/** A lint, type or build failure that goes away at the price of a failing test is not mended. */
function* objectionTo(
  command: string,
  before: FailureReport,
  repository: Repository,
): Plan<string | undefined> {
  if (before.kind === 'test') return undefined;
  const tests = otherChecks(repository, command).find((check) => check === 'npm test');
  if (tests === undefined) return undefined;
  const after = yield* run(tests, repository.root, 'Check that the tests still pass');
  return after.passed ? undefined : `the tests fail without it: ${after.message}`;
}

/** The pipeline runs more than the failed step; a formatter may dislike the new lines. */
function* satisfyOtherChecks(command: string, repository: Repository, paths: readonly string[]): Plan<void> {
  for (const check of otherChecks(repository, command).filter((one) => one !== 'npm test')) {
    const first = yield* run(check, repository.root, `See that ${check} still passes`);
    if (first.passed) continue;
    const code = paths.filter((path) => /\.([cm]?[jt]sx?|json)$/.test(path));
    for (const fix of fixCommands(check, repository, code)) {
      yield* bash(
        `${fix} 2>&1 | tail -c 2000; git add -u -- ${quoteAll(code)}; git status --short | head`,
        'Let the formatter tidy the changed files',
      );
    }
  }
}

function* deliver(task: FixTask, work: Work): Plan<string> {
  const story = fixedStory(work);
  const summary = fixSummary(work);
  yield* commit(story.title, `${story.rootCause}\n\n${summary}`);
  const submission = { title: `fix: ${story.title}`, rootCause: story.rootCause, fixSummary: summary };
  const proofs: ('test' | 'command')[] = work.test ? ['test', 'command'] : ['command'];
  let refusal = '';
  for (const proof of proofs) {
    const answer = yield* submit(task, { ...submission, proof });
    if (answer === undefined || !isRefused(answer)) return yield* conclude(task, story);
    refusal = answer.text;
    // A proof of another kind helps only where the proof was what displeased.
    if (!/\b(red|green|test|proof|prove|fail|pass)/i.test(refusal)) break;
  }
  return yield* conclude(task, refusedStory(story, refusal));
}

function refusedStory(story: Story, refusal: string): Story {
  const reason = refusal.replace(/\s+/g, ' ').trim();
  return {
    ...story,
    outcome: 'not_diagnosable',
    rootCause: `Likely ${story.rootCause.slice(0, 130)} But a fix of it was refused: ${reason}`.slice(0, 300),
    confidence: Math.min(story.confidence, 0.4),
    finding: `${story.finding} The fix was refused: ${refusal.slice(0, 1_500)}`,
    alternatives: [
      ...story.alternatives,
      {
        hypothesis: story.rootCause,
        rejectedBecause: `The fix for it was refused: ${refusal.slice(0, 800)}`,
      },
    ],
  };
}

function fixSummary(work: Work): string {
  const undone = work.result.kept.map((kept) => `Undo ${kept.candidate.label}`).join('. ');
  return work.test
    ? `${undone}. New test in ${work.test.file}: "${work.test.title}".`
    : `${undone}. Proof: \`${work.command}\` fails before and passes after.`;
}

function* conclude(task: FixTask, story: Story): Plan<string> {
  yield* report(task, story);
  return `${story.outcome === 'fixed' ? 'Fixed' : 'Not fixed'}: ${story.rootCause}`;
}

export type { ProvenTest };
