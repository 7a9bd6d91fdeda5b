/** The first looks: where the repository is, what it consists of, what changed since it was last green. */
import type { CommitChange } from '../hunks.ts';
import { parseLog } from '../hunks.ts';
import type { Plan } from '../plan.ts';
import { bash, quote, quoteAll } from './shell.ts';

export type Repository = {
  root: string;
  head: string;
  isDirty: boolean;
  commits: { sha: string; author: string; subject: string }[];
  files: string[];
  scripts: Record<string, string>;
  packageText: string;
  hasDependencies: boolean;
  hasNodeModules: boolean;
};

export function* lookAround(): Plan<Repository> {
  const section = (name: string, command: string): string => `echo '== ${name}'; ${command}`;
  const outcome = yield* bash(
    [
      'cd "$(git rev-parse --show-toplevel)"',
      section('root', 'pwd'),
      section('head', 'git rev-parse HEAD'),
      section('status', 'git status --porcelain --untracked-files=no | head -20'),
      section('log', "git log --first-parent --format='%H%x09%an%x09%s' -n 12"),
      section('modules', 'ls -d node_modules 2>/dev/null'),
      section('package', 'head -c 6000 package.json 2>/dev/null'),
      section('files', 'git ls-files | head -300'),
    ].join('\n'),
    'Look at the repository, its history and its scripts',
  );
  return parseLook(outcome.text);
}

export function parseLook(text: string): Repository {
  const sections = new Map<string, string>();
  for (const part of text.split(/^== /m).slice(1)) {
    const cut = part.indexOf('\n');
    sections.set(part.slice(0, cut), part.slice(cut + 1).trim());
  }
  const get = (name: string): string => sections.get(name) ?? '';
  const packageText = get('package');
  const manifest = parseManifest(packageText);
  return {
    root: get('root'),
    head: get('head'),
    isDirty: get('status') !== '',
    commits: get('log')
      .split('\n')
      .map((line) => line.split('\t'))
      .map(([sha = '', author = '', subject = '']) => ({ sha, author, subject }))
      .filter((commit) => commit.sha !== ''),
    files: get('files').split('\n').filter(Boolean),
    scripts: manifest.scripts,
    packageText,
    hasDependencies: manifest.hasDependencies,
    hasNodeModules: get('modules') !== '',
  };
}

function parseManifest(text: string): { scripts: Record<string, string>; hasDependencies: boolean } {
  try {
    const manifest = JSON.parse(text) as Record<string, Record<string, string> | undefined>;
    const counts = [manifest.dependencies, manifest.devDependencies].map(
      (list) => Object.keys(list ?? {}).length,
    );
    return { scripts: manifest.scripts ?? {}, hasDependencies: counts.some((count) => count > 0) };
  } catch {
    return { scripts: {}, hasDependencies: /"(dev)?dependencies"/i.test(text) };
  }
}

const diffLimitChars = 24_000;
const unknownRangeCommits = 6;
const maxCommits = 20;
const withoutLocks = "':(exclude)package-lock.json' ':(exclude)*.lock' ':(exclude)pnpm-lock.yaml'";
const patchMark = '== patches';

export type Changes = { commits: CommitChange[]; base: string | undefined };

/**
 * The commits since the last green one, newest first; where that is unknown, the latest few. Files whose change
 * was too long to see are there without runs. `likely` are words in the paths that matter most.
 */
export function* lookAtChanges(lastGreen: string | undefined, likely: readonly string[]): Plan<Changes> {
  const known = lastGreen === undefined ? false : yield* isAncestor(lastGreen);
  const range = known ? `-n ${maxCommits} ${lastGreen}..HEAD` : `-n ${unknownRangeCommits} HEAD`;
  const log = `git log --first-parent -m -M --min-parents=1 --no-color --no-ext-diff --format='commit %H%x09%s' ${range}`;
  const seen = yield* bash(
    [
      `${log} --name-status | head -400`,
      `echo '${patchMark}'`,
      `${log} -p -U6 -- . ${withoutLocks} | head -c ${diffLimitChars}`,
    ].join('\n'),
    'See what the latest commits changed',
  );
  const cut = seen.text.indexOf(patchMark);
  const names = parseNames(seen.text.slice(0, cut));
  const patches = seen.text.slice(cut + patchMark.length);
  let commits = parseLog(patches);
  if (patches.length >= diffLimitChars - 200) {
    // Too much to see at once: the files that matter most, first and alone.
    const wanted = pickLikely(
      names.flatMap((commit) => commit.files.map((file) => file.path)),
      likely,
    );
    const some = yield* bash(
      `for path in ${quoteAll(wanted)}; do ${log} -p -U6 -- "$path"; done | head -c ${diffLimitChars}`,
      'See what changed in the files involved',
    );
    commits = mergeCommits(parseLog(some.text), commits);
  }
  const all = mergeCommits(
    names.map((commit) => withRuns(commit, commits)),
    commits,
  );
  const oldest = all.at(-1)?.sha;
  return { commits: all, base: known ? lastGreen : oldest ? `${oldest}^` : undefined };
}

/** `--name-status` lines: `M<tab>path`, `R097<tab>old<tab>new`. */
function parseNames(text: string): CommitChange[] {
  const status = { M: 'modified', A: 'added', D: 'deleted', R: 'renamed', T: 'modified' } as const;
  const commits: CommitChange[] = [];
  for (const line of text.split(/\r?\n/)) {
    const head = /^commit ([0-9a-f]{40})\t(.*)$/.exec(line);
    if (head) commits.push({ sha: head[1] ?? '', subject: head[2] ?? '', files: [] });
    const row = /^([MADRT])\d*\t([^\t]+)(?:\t(.+))?$/.exec(line);
    const commit = commits.at(-1);
    if (!row || !commit) continue;
    const oldPath = row[2] ?? '';
    commit.files.push({
      commit: commit.sha,
      status: status[row[1] as keyof typeof status],
      path: row[3] ?? oldPath,
      oldPath,
      binary: false,
      runs: [],
    });
  }
  return commits;
}

/** Each file with its patch, where one was seen. */
function withRuns(commit: CommitChange, seen: readonly CommitChange[]): CommitChange {
  const patches = seen.filter((other) => other.sha === commit.sha).flatMap((other) => other.files);
  const files = commit.files.map((file) => patches.find((patch) => patch.path === file.path) ?? file);
  return { ...commit, files };
}

function* isAncestor(commit: string): Plan<boolean> {
  const outcome = yield* bash(
    `git merge-base --is-ancestor ${quote(commit)} HEAD && echo yes || echo no`,
    'Check that the last green commit is in the history',
  );
  return /^yes\b/m.test(outcome.text);
}

function pickLikely(changed: readonly string[], likely: readonly string[]): string[] {
  const code = changed.filter((path) => /\.([cm]?[jt]sx?|json)$/.test(path) && !/lock/.test(path));
  const named = likely.flatMap((word) => code.filter((path) => path.includes(word)));
  return [...new Set([...named, ...code])].slice(0, 12);
}

function mergeCommits(preferred: CommitChange[], rest: CommitChange[]): CommitChange[] {
  const merged = [...preferred];
  for (const commit of rest) {
    const same = merged.find((other) => other.sha === commit.sha);
    if (!same) merged.push(commit);
    else
      same.files.push(
        ...commit.files.filter((file) => !same.files.some((other) => other.path === file.path)),
      );
  }
  return merged;
}
