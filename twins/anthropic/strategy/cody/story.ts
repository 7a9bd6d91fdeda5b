/** Tells what was found, in the words of the result contract. Pure. */
import type { FailureReport } from '../failure-report.ts';
import type { Candidate } from './candidates.ts';
import type { Story } from './finish.ts';
import type { Changes } from './look.ts';
import type { ProvenTest } from './prove.ts';
import type { SearchResult } from './search.ts';

export type Work = {
  command: string;
  before: FailureReport;
  changes: Changes;
  result: SearchResult;
  test: ProvenTest | undefined;
  head: string;
};

export function fixedStory(work: Work): Story {
  const causes = work.result.kept.map((kept) => kept.candidate);
  const rootCause = causes.map((cause) => causeSentence(cause, work)).join('; ');
  return {
    outcome: 'fixed',
    title: titleOf(causes, work),
    rootCause: clip(`${rootCause}.`, 300),
    finding: clip(`\`${work.command}\` fails: ${failingText(work.before)}. ${rootCause}.`, 4_000),
    reasoning: clip(
      [
        `The failure was reproduced at ${work.head.slice(0, 9)} with \`${work.command}\`: ${work.before.message}`,
        `With ${causes.map((cause) => cause.label).join(' and ')} undone and everything else left as it was, the same command passes.`,
        work.test
          ? `The new test "${work.test.title}" is red without the change and green with it.`
          : 'No test was added: the command itself, red before and green after, is the proof.',
      ].join(' '),
      8_000,
    ),
    confidence: confidenceOf(causes, work),
    alternatives: alternatives(work),
    evidence: evidence(work, causes),
  };
}

export function unsolvedStory(
  outcome: 'not_code' | 'not_diagnosable',
  finding: string,
  work: Omit<Work, 'test'>,
): Story {
  return {
    outcome,
    title: 'no fix',
    rootCause: clip(finding, 300),
    finding,
    reasoning:
      outcome === 'not_code'
        ? `\`${work.command}\` was run at ${work.head.slice(0, 9)} and passed, so the code of this commit does not explain the failure. What differs is where it ran: machine, network, credentials or time.`
        : `${work.result.tries} change(s) were undone one after the other and none made \`${work.command}\` green. Guessing further would change code without a reason.`,
    confidence: outcome === 'not_code' ? 0.6 : 0.3,
    alternatives: alternatives(work),
    evidence: [
      {
        claim: clip(
          `\`${work.command}\`: ${work.before.passed ? 'passes here' : work.before.message}`,
          1_000,
        ),
        source: `commit:${work.head}`,
      },
      ...work.before.positions
        .slice(0, 3)
        .map((place) => ({ claim: 'named in the output', source: `file:${place.file}:${place.line}` })),
    ],
  };
}

function causeSentence(cause: Candidate, work: Work): string {
  const sha =
    cause.kind === 'run' ? cause.run.commit : cause.kind === 'files' ? (cause.files[0]?.commit ?? '') : '';
  const subject = work.changes.commits.find((commit) => commit.sha === sha)?.subject;
  const by = sha
    ? `Commit ${sha.slice(0, 9)}${subject ? ` ("${clip(subject, 60)}")` : ''}`
    : 'A recent change';
  if (cause.kind === 'run') {
    const { before, after, file, newStart } = cause.run;
    const old = firstCode(before);
    const now = firstCode(after);
    if (cause.run.isMend) return `${by} wrote \`${now}\` in ${file}:${newStart} where \`${old}\` is right`;
    if (old && now) return `${by} changed \`${old}\` to \`${now}\` in ${file}:${newStart}`;
    return old
      ? `${by} removed \`${old}\` from ${file}:${newStart}`
      : `${by} added \`${now}\` in ${file}:${newStart}`;
  }
  if (cause.kind === 'files') return `${by}: ${cause.label} broke what depends on it`;
  if (cause.kind === 'revert') return `Several changes of ${cause.label} break it together`;
  return "The code does not follow the linter's rules; its own fixer mends it";
}

function titleOf(causes: readonly Candidate[], work: Work): string {
  const first = causes[0];
  const failing = work.before.failing[0]?.path.at(-1);
  if (first?.kind === 'run') {
    const old = firstCode(first.run.before);
    const place = first.run.file;
    return clip(
      old
        ? `restore \`${clip(old, 34)}\` in ${place}`
        : `take out \`${clip(firstCode(first.run.after), 34)}\` in ${place}`,
      66,
    );
  }
  if (first?.kind === 'fixer') return 'satisfy the linter';
  return clip(failing ? `make "${failing}" pass again` : `make ${work.command} pass again`, 66);
}

function firstCode(lines: readonly string[]): string {
  return clip(
    (lines.find((line) => line.trim() !== '' && !/^\s*(\/\/|\*|\/\*)/.test(line)) ?? lines[0] ?? '').trim(),
    90,
  );
}

function failingText(report: FailureReport): string {
  if (report.failing.length === 0) return report.message;
  const names = report.failing
    .slice(0, 3)
    .map((test) => `"${test.path.at(-1)}"`)
    .join(', ');
  return `${names}${report.failing.length > 3 ? ` and ${report.failing.length - 3} more` : ''} (${report.message})`;
}

function confidenceOf(causes: readonly Candidate[], work: Work): number {
  const narrow = causes.every((cause) => cause.kind === 'run');
  const base = narrow ? 0.9 : causes.some((cause) => cause.kind === 'revert') ? 0.65 : 0.8;
  return Math.round((base + (work.test ? 0.05 : 0) - (causes.length > 1 ? 0.05 : 0)) * 100) / 100;
}

function alternatives(work: Omit<Work, 'test'>): Story['alternatives'] {
  return work.result.rejected.map((one) => ({
    hypothesis: clip(`The cause is ${one.label}`, 1_000),
    rejectedBecause: clip(one.because, 1_000),
  }));
}

function evidence(work: Work, causes: readonly Candidate[]): Story['evidence'] {
  const changed = causes.flatMap((cause) =>
    cause.kind === 'run'
      ? [
          {
            claim: `The guilty lines: \`${firstCode(cause.run.after) || firstCode(cause.run.before)}\``,
            source: `file:${cause.run.file}:${cause.run.newStart}`,
          },
          ...(cause.run.commit
            ? [{ claim: 'They came with this commit', source: `commit:${cause.run.commit}` }]
            : []),
        ]
      : cause.kind === 'files' && cause.files[0]?.commit
        ? [{ claim: `Changed here: ${cause.label}`, source: `commit:${cause.files[0].commit}` }]
        : [],
  );
  const places = work.before.failing.slice(0, 3).flatMap((test) =>
    test.file
      ? [
          {
            claim: `"${test.path.join(' > ')}" fails: ${test.message}`,
            source: `file:${test.file}${test.line ? `:${test.line}` : ''}`,
          },
        ]
      : [],
  );
  return [
    {
      claim: clip(`\`${work.command}\` is red before and green after the fix: ${work.before.message}`, 1_000),
      source: `commit:${work.head}`,
    },
    ...places,
    ...changed,
  ];
}

function clip(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}
