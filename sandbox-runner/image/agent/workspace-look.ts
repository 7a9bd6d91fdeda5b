import { createHash } from 'node:crypto';
import { git } from './checkout.ts';
import type { WorkspaceLook } from './task.ts';

/**
 * What the workspace looks like now: equal digests mean that no file changed. Null where Git cannot say, which
 * is no reason to stop a session.
 */
export async function lookAtWorkspace(folder: string): Promise<WorkspaceLook | null> {
  try {
    const [head, status, changes] = await Promise.all([
      git(folder, 'rev-parse', 'HEAD'),
      git(folder, 'status', '--porcelain', '--untracked-files=all', '--no-renames'),
      git(folder, 'diff', '--no-ext-diff', '--no-textconv', 'HEAD'),
    ]);
    const digest = createHash('sha256').update(`${head}\n${status}\n${changes}`).digest('hex').slice(0, 16);
    return { digest, files: status === '' ? 0 : status.split('\n').length };
  } catch {
    return null;
  }
}
