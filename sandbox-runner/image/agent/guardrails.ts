/**
 * What an agent may not do in its own container, decided from the call's words alone. A guard against
 * accidents and plain injections, and a signal to the operator: the walls are the container and the gateway,
 * since a shell has endless ways to say the same thing.
 */
export type Verdict = { allowed: true } | { allowed: false; rule: string; reason: string };

const deny = (rule: string, reason: string): Verdict => ({ allowed: false, rule, reason });

const BUILT_IN = new Set(['Bash', 'Read', 'Edit', 'Write', 'Grep', 'Glob']);
export const builtInTools = [...BUILT_IN];

interface Rule {
  name: string;
  pattern: RegExp;
  reason: string;
}

/** Where a command may begin: the start, after a separator, in a substitution, or behind a wrapper. */
const START =
  '(?:^|[;&|(`\\n{]|\\$\\(|\\b(?:then|do|else|exec|env|command|time|nice|nohup|xargs)\\s|\\s-c\\s+["\']?)\\s*';
const at = (command: string) => new RegExp(`${START}(?:\\w+=\\S*\\s+)*(?:/\\S*/)?${command}`);

const NEW_PACKAGE =
  'Installs come from the lockfile only: use `npm ci`. A new dependency needs approval; say so in your report.';

const RULES: Rule[] = [
  {
    name: 'privilege',
    pattern: at('(?:sudo|su|doas|pkexec)\\b'),
    reason: 'No other user is yours to become.',
  },
  {
    name: 'format_disk',
    pattern: at('(?:mkfs(?:\\.\\w+)?|fdisk|parted)\\b'),
    reason: 'Disks are not yours.',
  },
  {
    name: 'raw_disk',
    pattern: /\bdd\b[^\n;|&]*\bof=\/dev\/(?!null)/,
    reason: 'Devices are not yours to write.',
  },
  {
    name: 'open_permissions',
    pattern: at('chmod\\s+(?:-\\w+\\s+)*(?:0?777|a\\+rwx|ugo\\+rwx)\\b'),
    reason: 'Give the permission that is needed, to the one who needs it.',
  },
  {
    name: 'fetched_code',
    pattern:
      /\b(?:curl|wget)\b[^\n;]*\|\s*(?:\S*\/)?(?:ba|z|da|k)?sh\b|\b(?:curl|wget)\b[^\n;]*\|\s*(?:\S*\/)?(?:node|python\d?|perl|ruby)\b/,
    reason: 'Fetched text is not run.',
  },
  {
    name: 'fetched_code',
    pattern: /\b(?:eval|source|\.|(?:ba|z|da)?sh\s+(?:-c\s+)?)\s*["']?(?:<\(|\$\(|`)\s*(?:curl|wget)\b/,
    reason: 'Fetched text is not run.',
  },
  {
    name: 'push',
    pattern: at('git(?:\\s+-\\S+(?:\\s+[^-\\s]\\S*)?)*\\s+(?:push|send-pack)\\b'),
    reason: 'A fix leaves by the submit_fix tool only; trusted code pushes it.',
  },
  {
    name: 'new_package',
    pattern: at(
      'npm\\s+(?:-\\S+\\s+)*(?:install|i|add|in|ins|update|up|upgrade|link)(?:\\s+-\\S+)*\\s+[^-\\s;&|>)]',
    ),
    reason: NEW_PACKAGE,
  },
  {
    name: 'new_package',
    pattern: at('npm\\s+(?:-\\S+\\s+)*(?:update|up|upgrade)\\b'),
    reason: NEW_PACKAGE,
  },
  {
    name: 'new_package',
    pattern: at('(?:yarn|pnpm|bun)\\s+(?:-\\S+\\s+)*(?:add|up|update|upgrade|dlx)\\b'),
    reason: NEW_PACKAGE,
  },
  {
    name: 'new_package',
    pattern: at('(?:pip\\d?|python\\d?\\s+-m\\s+pip)\\s+install\\s+(?!-r\\b|--requirement\\b)'),
    reason: NEW_PACKAGE,
  },
  { name: 'new_package', pattern: at('(?:apt|apt-get|apk|yum|dnf)\\s+install\\b'), reason: NEW_PACKAGE },
  { name: 'fork_bomb', pattern: /:\s*\(\s*\)\s*\{.*:\s*\|\s*:/s, reason: 'That fills the process table.' },
];

/** Absolute path without `.` and `..`, relative ones taken from `folder`. */
function resolvePath(path: string, folder: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${folder}/${path}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

const inside = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);

/** Words of one simple command, quotes taken off. Good enough to see what `rm` is pointed at. */
const words = (text: string) =>
  (text.match(/"[^"]*"|'[^']*'|[^\s"']+/g) ?? []).map((word) => word.replace(/^["']|["']$/g, ''));

function checkRemoval(command: string, workspaceFolder: string): Verdict | null {
  const folders = [workspaceFolder, '/tmp'];
  for (const match of command.matchAll(new RegExp(`${at('rm').source}\\s+([^;&|\\n)\`]*)`, 'g'))) {
    const all = words(match[1] ?? '');
    const flags = all.filter((word) => word.startsWith('-'));
    const recursive = flags.some((flag) => flag === '--recursive' || /^-[a-zA-Z]*[rR]/.test(flag));
    if (!recursive) continue;
    for (const target of all.filter((word) => !word.startsWith('-'))) {
      const path = resolvePath(target.replace(/\/?\*+$/, ''), workspaceFolder);
      const known = !/[$~`]/.test(target);
      const strictlyInside = folders.some((folder) => inside(path, folder) && path !== folder);
      if (!known || !strictlyInside) {
        return deny(
          'remove_outside',
          `rm -r is for paths within ${workspaceFolder}; "${target}" is not one.`,
        );
      }
    }
  }
  return null;
}

function checkBash(command: string, workspaceFolder: string): Verdict {
  const removal = checkRemoval(command, workspaceFolder);
  if (removal) return removal;
  for (const rule of RULES) if (rule.pattern.test(command)) return deny(rule.name, rule.reason);
  return { allowed: true };
}

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
