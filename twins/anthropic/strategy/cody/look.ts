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

const diffLimitChars = 26_000;
const unknownRangeCommits = 6;
const maxCommits = 20;
const withoutLocks = "':(exclude)package-lock.json' ':(exclude)*.lock' ':(exclude)pnpm-lock.yaml'";

export type Changes = { commits: CommitChange[]; base: string | undefined; range: string };

/** The commits since the last green one, newest first; where that is unknown, the latest few. */
export function* lookAtChanges(lastGreen: string | undefined, likely: readonly string[]): Plan<Changes> {
  const known = lastGreen === undefined ? false : yield* isAncestor(lastGreen);
  const range = known ? `${lastGreen}..HEAD` : 'HEAD';
  const count = known ? maxCommits : unknownRangeCommits;
  const log = `git log --first-parent -m -M --min-parents=1 -p -U6 --no-color --no-ext-diff --format='commit %H%x09%s' -n ${count} ${range}`;
  const all = yield* bash(
    `${log} -- . ${withoutLocks} | head -c ${diffLimitChars}`,
    'See what the latest commits changed',
  );
  let commits = parseLog(all.text);
  if (all.text.length >= diffLimitChars - 200) {
    // Too much to see at once: the files the failure points at, alone.
    const names = yield* bash(
      `git log --first-parent -m --min-parents=1 --name-only --format= -n ${count} ${range} | sort -u | head -200`,
      'List the changed files',
    );
    const changed = names.text
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean);
    const wanted = pickLikely(changed, likely);
    const some = yield* bash(
      `${log} -- ${quoteAll(wanted)} | head -c ${diffLimitChars}`,
      'See what changed in the files involved',
    );
    commits = mergeCommits(parseLog(some.text), commits);
  }
  const oldest = commits.at(-1)?.sha;
  return { commits, base: known ? lastGreen : oldest ? `${oldest}^` : undefined, range };
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
  const named = code.filter((path) => likely.some((word) => path.includes(word)));
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
