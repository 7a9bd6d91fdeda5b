import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { git } from './checkout.ts';
import type { AgentTask } from './task.ts';

export const CHECKPOINT_CONTENT_TYPE = 'application/x-dogwatch-checkpoint';
const KEPT_REF = 'refs/dogwatch/checkpoint';

const run = promisify(execFile);

/** A commit of everything that is not committed, made beside the agent's own index; null: there is nothing. */
async function commitRest(folder: string, head: string, scratch: string): Promise<string | null> {
  const env = { ...process.env, GIT_INDEX_FILE: join(scratch, 'index') };
  const beside = async (...args: string[]) =>
    (await run('git', args, { cwd: folder, env, maxBuffer: 16 * 1024 * 1024 })).stdout.trim();
  await beside('read-tree', head);
  await beside('add', '--all');
  const tree = await beside('write-tree');
  if (tree === (await git(folder, 'rev-parse', `${head}^{tree}`))) return null;
  return beside('commit-tree', tree, '-p', head, '-m', 'Not committed yet');
}

/**
 * The work since `base` as one request body: a line of JSON (`{ key, input, head, uncommitted }`), then the bytes
 * of a Git bundle, none where nothing was done. Branches, index and files stay as they are.
 */
export async function packCheckpoint(
  folder: string,
  base: string,
  key: string,
  input: unknown,
): Promise<Buffer> {
  const scratch = await mkdtemp(join(tmpdir(), 'checkpoint-'));
  try {
    const head = await git(folder, 'rev-parse', 'HEAD');
    const uncommitted = await commitRest(folder, head, scratch);
    const tip = uncommitted ?? head;
    const header = Buffer.from(`${JSON.stringify({ key, input, head, uncommitted })}\n`, 'utf8');
    if (tip === base) return header;
    const file = join(scratch, 'work.bundle');
    await git(folder, 'update-ref', KEPT_REF, tip);
    await git(folder, 'bundle', 'create', '--quiet', file, KEPT_REF, `^${base}`);
    return Buffer.concat([header, await readFile(file)]);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Puts the workspace back as it was kept: commits as commits, the rest as changes that are not committed. */
export async function restoreCheckpoint(
  folder: string,
  { head, uncommitted, bundle }: NonNullable<AgentTask['checkpoint']>,
): Promise<void> {
  if (bundle === null) return;
  const scratch = await mkdtemp(join(tmpdir(), 'checkpoint-'));
  try {
    const file = join(scratch, 'work.bundle');
    await writeFile(file, Buffer.from(bundle, 'base64'));
    await git(folder, 'fetch', '--quiet', '--no-tags', '--no-recurse-submodules', file, KEPT_REF);
    await git(folder, 'checkout', '--quiet', '-B', 'dogwatch/work', head);
    if (uncommitted === null) return;
    await git(folder, 'read-tree', '-u', '-m', head, uncommitted);
    await git(folder, 'reset', '--quiet');
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
