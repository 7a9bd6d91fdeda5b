import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { git } from './checkout.ts';

export interface FixInput {
  title: string;
  rootCause: string;
  fixSummary: string;
  proof: 'test' | 'command';
}

export const FIX_CONTENT_TYPE = 'application/x-dogwatch-fix';

export type Packed = { ok: true; head: string; body: Buffer } | { ok: false; reason: string };

/**
 * The commits since `base` as one request body: a line of JSON (`{ key, input, head }`), then the bytes of a
 * Git bundle. What can be told from the checkout alone is refused here, with words the agent can act on.
 */
export async function packFix(folder: string, base: string, key: string, input: FixInput): Promise<Packed> {
  const dirty = await git(folder, 'status', '--porcelain');
  if (dirty !== '') {
    return {
      ok: false,
      reason: `The working tree has changes that are not committed. Commit what belongs to the fix, remove the rest, then submit again:\n${dirty.slice(0, 2_000)}`,
    };
  }
  const head = await git(folder, 'rev-parse', 'HEAD');
  if (head === base) return { ok: false, reason: 'There is no commit since the base: nothing to submit.' };
  const ancestor = await git(folder, 'merge-base', '--is-ancestor', base, head).then(
    () => true,
    () => false,
  );
  if (!ancestor) {
    return { ok: false, reason: `HEAD does not build on ${base}. Put your commits on top of that commit.` };
  }
  const scratch = await mkdtemp(join(tmpdir(), 'fix-'));
  try {
    const file = join(scratch, 'fix.bundle');
    await git(folder, 'bundle', 'create', '--quiet', file, `${base}..HEAD`);
    const header = Buffer.from(`${JSON.stringify({ key, input, head })}\n`, 'utf8');
    return { ok: true, head, body: Buffer.concat([header, await readFile(file)]) };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
