import type { FailedStep, FixTarget } from '../../../core/contracts/run.ts';
import { GitError, git, gitText, isAncestor, readBlob, runGit } from '../git/git.ts';
import { parseLineCounts, parseRawDiff } from './changes.ts';
import { earlierTexts } from './earlier-texts.ts';
import type { FileVersions, FixCommit, FixUnderCheck } from './fix-under-check.ts';
import { parsePatch } from './patch.ts';
import { pipelineParts } from './pipeline-parts.ts';
import { type Refusal, refusal } from './refusal.ts';

export type Gathered = { ok: true; fix: FixUnderCheck } | { ok: false; refusal: Refusal };

/** A repair has a few commits; a history of hundreds is something else. */
const MAX_COMMITS = 50;
export const MAX_DIFF_BYTES = 2 * 1_024 * 1_024;
/** Names of all files of a very large repository. */
const MAX_TREE_BYTES = 128 * 1_024 * 1_024;
const MANIFEST = /(^|\/)(package|package-lock|npm-shrinkwrap)\.json$/;

const PLAIN_DIFF = ['--no-renames', '--no-ext-diff', '--no-textconv', '--text', '--no-color'];

async function readCommits(gitDir: string, range: string): Promise<FixCommit[]> {
  const format = '--format=%H%x00%P%x00%cn%x00%ce%x00%an%x00%ae%x00%B%x01';
  const text = await gitText(['log', '--reverse', format, range], { gitDir });
  return text
    .split('\u0001')
    .filter((entry) => entry.trim() !== '')
    .map((entry) => {
      const [
        sha = '',
        parents = '',
        committer = '',
        committerEmail = '',
        author = '',
        email = '',
        ...message
      ] = entry.trim().split('\0');
      return {
        sha,
        parents: parents.split(' ').filter(Boolean),
        committer: { name: committer, email: committerEmail },
        author: { name: author, email },
        message: message.join(''),
      };
    });
}

async function readRawDiff(gitDir: string, from: string, to: string) {
  const args = ['diff-tree', '-r', '-z', '--raw', '--no-renames', '--full-index', '--no-abbrev', from, to];
  return parseRawDiff((await git(args, { gitDir })).toString('utf8'));
}

async function readBlobSizes(gitDir: string, blobs: string[]): Promise<Map<string, number>> {
  if (blobs.length === 0) return new Map();
  const input = Buffer.from(`${blobs.join('\n')}\n`);
  const text = await gitText(['cat-file', '--batch-check=%(objectname) %(objectsize)'], { gitDir, input });
  return new Map(text.split('\n').map((line) => [line.slice(0, 40), Number(line.slice(41))]));
}

async function readVersions(gitDir: string, base: string, head: string, path: string): Promise<FileVersions> {
  const [before, after] = await Promise.all([readBlob(gitDir, base, path), readBlob(gitDir, head, path)]);
  return { path, before: before?.toString('utf8') ?? null, after: after?.toString('utf8') ?? null };
}

interface GatherOptions {
  gitDir: string;
  head: string;
  target: FixTarget;
  step: FailedStep;
  identity: { name: string; email: string };
  redact: (text: string) => string;
}

/** Reads what the checks need, and refuses what cannot be read within bounds. */
export async function gatherFix(options: GatherOptions): Promise<Gathered> {
  try {
    return await gather(options);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    const reason = 'Git cannot read the commits within the bounds of time and size. Make a smaller change.';
    return { ok: false, refusal: refusal('diff_too_large', reason) };
  }
}

/** Blob contents come last. */
async function gather(options: GatherOptions): Promise<Gathered> {
  const { gitDir, head, target } = options;
  const refuse = (...why: Parameters<typeof refusal>): Gathered => ({ ok: false, refusal: refusal(...why) });
  const { base } = target;
  if (head === base)
    return refuse('nothing_changed', 'HEAD is the base: commit your fix before submitting it.');
  if (!(await isAncestor(gitDir, base, head)))
    return refuse('not_on_base', `The fix must build on ${base}; do not rebase, amend or start elsewhere.`);
  const range = `${base}..${head}`;
  const count = Number(await gitText(['rev-list', '--count', range], { gitDir }));
  if (count > MAX_COMMITS)
    return refuse('too_many_commits', `${count} commits; at most ${MAX_COMMITS} are taken. Squash them.`);

  const commits = await readCommits(gitDir, range);
  const net = await readRawDiff(gitDir, base, head);
  const counts = parseLineCounts(
    (await git(['diff-tree', '-r', '-z', '--numstat', '--no-renames', base, head], { gitDir })).toString(
      'utf8',
    ),
  );
  const history = (
    await Promise.all(commits.map(({ sha, parents }) => readRawDiff(gitDir, parents[0] ?? base, sha)))
  ).flat();
  const blobs = history.filter(({ newMode }) => newMode.startsWith('100')).map(({ newBlob }) => newBlob);
  const blobSizes = await readBlobSizes(gitDir, [...new Set(blobs)]);
  const totalBytes = [...blobSizes.values()].reduce((sum, size) => sum + size, 0);
  if (totalBytes > 4 * MAX_DIFF_BYTES)
    return refuse(
      'diff_too_large',
      `The changed files hold ${totalBytes} bytes; that is too much to review.`,
    );

  const bounded = { gitDir, maxOutputBytes: 4 * MAX_DIFF_BYTES };
  const [netPatch, historyPatch] = await Promise.all([
    runGit(['diff-tree', '-r', '-p', '-U0', ...PLAIN_DIFF, base, head], bounded),
    runGit(['log', '--reverse', '--format=', '-p', '-U0', ...PLAIN_DIFF, range], bounded),
  ]);
  if (netPatch.exitCode !== 0 || historyPatch.exitCode !== 0)
    return refuse('diff_too_large', 'The difference to the base is too large to be checked.');

  const basePaths = (
    await git(['ls-tree', '-r', '-z', '--name-only', base], { gitDir, maxOutputBytes: MAX_TREE_BYTES })
  )
    .toString('utf8')
    .split('\0')
    .filter((path) => path !== '');
  const changed = net.filter(({ status }) => status === 'modified').map(({ path }) => path);
  return {
    ok: true,
    fix: {
      target,
      step: options.step,
      identity: options.identity,
      redact: options.redact,
      commits,
      net: net.map((change) => ({
        ...change,
        ...(counts.get(change.path) ?? { additions: 0, deletions: 0 }),
      })),
      history,
      basePaths,
      pipelineParts: await pipelineParts(gitDir, base, basePaths),
      blobSizes,
      historyLines: parsePatch(historyPatch.stdout.toString('utf8')),
      netLines: parsePatch(netPatch.stdout.toString('utf8')),
      diffBytes: netPatch.stdout.length,
      manifests: await Promise.all(
        net
          .filter(({ path }) => MANIFEST.test(path))
          .map(({ path }) => readVersions(gitDir, base, head, path)),
      ),
      earlier: await earlierTexts(gitDir, base, changed),
    },
  };
}

/** The difference as a person reads it. */
export async function readableDiff(gitDir: string, base: string, head: string): Promise<Buffer> {
  return git(['diff', '--no-ext-diff', '--no-textconv', '--no-color', base, head], { gitDir });
}
