import { checkBash } from './check-bash.ts';
import { deny, inside, resolvePath, type Verdict } from './verdict.ts';

export type { Verdict } from './verdict.ts';

const BUILT_IN = new Set(['Bash', 'Read', 'Edit', 'Write', 'Grep', 'Glob']);
export const builtInTools = [...BUILT_IN];

/** Decides one call. `input` is the tool's own input, as the model wrote it. */
export function checkTool(name: string, input: unknown, workspaceFolder: string): Verdict {
  if (name.startsWith('mcp__dogwatch__')) return { allowed: true };
  if (!BUILT_IN.has(name)) return deny('unknown_tool', `${name} is not a tool of this session.`);
  const fields = typeof input === 'object' && input !== null ? (input as Record<string, unknown>) : {};
  if (name === 'Bash') {
    if (typeof fields.command !== 'string') return deny('bad_input', 'The command is missing.');
    return checkBash(fields.command, workspaceFolder);
  }
  if (name === 'Edit' || name === 'Write') {
    if (typeof fields.file_path !== 'string') return deny('bad_input', 'The path is missing.');
    const path = resolvePath(fields.file_path, workspaceFolder);
    if (inside(path, `${workspaceFolder}/.git`)) {
      return deny('git_internals', 'Git hooks and configuration stay as they are; use git commands.');
    }
    if (!inside(path, workspaceFolder) && !inside(path, '/tmp')) {
      return deny('write_outside', `Files are written within ${workspaceFolder} or /tmp.`);
    }
  }
  return { allowed: true };
}
