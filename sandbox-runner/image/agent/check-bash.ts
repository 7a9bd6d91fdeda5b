import { installsNewPackage } from './package-installs.ts';
import { parseScript } from './shell-commands.ts';
import { type Call, unwrap } from './unwrap-command.ts';
import { deny, inside, resolvePath, type Verdict } from './verdict.ts';

/** Scripts within scripts: deeper ones are written to hide something. */
const MAX_DEPTH = 6;

const PRIVILEGE = new Set(['sudo', 'su', 'doas', 'pkexec', 'runuser']);
const DISK = new Set(['fdisk', 'sfdisk', 'parted', 'wipefs', 'mkswap']);
const FETCHERS = new Set(['curl', 'wget', 'aria2c']);
const SHELLS = new Set(['sh', 'bash', 'dash', 'zsh', 'ksh', 'ash']);
const INTERPRETERS = /^(?:node|deno|bun|python[\d.]*|perl|ruby|php)$/;
const DECODERS = new Set(['base64', 'base32', 'xxd', 'openssl', 'uudecode']);

const FETCHED = deny('fetched_code', 'Fetched text is not run.');
const HIDDEN = deny('hidden_command', 'Say plainly what is to be run.');

/** What the script has done so far that changes what its next words mean. */
interface Scene {
  workspaceFolder: string;
  /** Null: not known. */
  folder: string | null;
  variables: Map<string, string>;
  /** Names of files that were fetched. */
  fetched: Set<string>;
}

const fileName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const runs = ({ name }: Call): boolean => SHELLS.has(name) || INTERPRETERS.test(name);

/** Script in the words of a call: `bash -c`, `eval`, a here-document for a shell. */
function scriptsIn({ name, args, command }: Call): string[] {
  const texts = args.map(({ text }) => text);
  if (name === 'eval') return [texts.join(' ')];
  if (name === 'trap') return texts.slice(0, 1);
  if (!SHELLS.has(name)) return [];
  const flag = texts.findIndex((text) => /^-[a-z]*c[a-z]*$/.test(text));
  const inline = flag < 0 ? [] : texts.slice(flag + 1, flag + 2);
  return command.input === null ? inline : [...inline, command.input];
}

function checkRemoval({ name, args }: Call, scene: Scene): Verdict | null {
  const texts = args.map(({ text }) => text);
  const flags = texts.filter((text) => text.startsWith('-'));
  let targets: typeof args = [];
  if (name === 'rm' && flags.some((flag) => flag === '--recursive' || /^-[a-zA-Z]*[rR]/.test(flag)))
    targets = args.filter(({ text }) => !text.startsWith('-'));
  const removes =
    texts.includes('-delete') || texts.some((text, at) => /^-exec/.test(text) && texts[at + 1] === 'rm');
  if (name === 'find' && removes) {
    const first = texts.findIndex((text) => /^[-(!]/.test(text));
    targets = args.slice(0, first < 0 ? undefined : first);
  }
  for (const target of targets) {
    if (isOwn(target, name === 'find', scene)) continue;
    return deny(
      'remove_outside',
      `Removal is for paths within ${scene.workspaceFolder}; "${target.text}" is not one.`,
    );
  }
  return null;
}

/** `rm` of the whole workspace is not meant; `find` in the whole of it is common. */
function isOwn(
  { text, isDynamic }: { text: string; isDynamic: boolean },
  whole: boolean,
  scene: Scene,
): boolean {
  if (isDynamic || text.startsWith('~')) return false;
  const isRelative = !text.startsWith('/');
  // Somewhere we do not know: what stays below it is taken to be meant.
  if (isRelative && scene.folder === null) return !/(?:^|\/)\.\.(?:\/|$)|^\.?\/?\*+$|^\.$/.test(text);
  const path = resolvePath(text.replace(/\/?\*+$/, ''), scene.folder ?? scene.workspaceFolder);
  return [scene.workspaceFolder, '/tmp'].some((folder) => inside(path, folder) && (whole || path !== folder));
}

/** Options before the subcommand of Git that take a value of their own. */
const GIT_VALUED = new Set(['-C', '-c', '--git-dir', '--work-tree', '--namespace', '--exec-path']);

function checkGit({ name, args }: Call): Verdict | null {
  const push = deny('push', 'A fix leaves by the submit_fix tool only; trusted code pushes it.');
  if (name === 'git-push' || name === 'git-send-pack') return push;
  if (name !== 'git') return null;
  const texts = args.map(({ text }) => text);
  let at = 0;
  for (; texts[at]?.startsWith('-'); at += 1) {
    if (/^alias\./i.test(texts[at + 1] ?? '') && /push/.test(texts[at + 1] ?? '')) return push;
    if (GIT_VALUED.has(texts[at] ?? '')) at += 1;
  }
  const [subcommand = '', ...rest] = texts.slice(at);
  if (subcommand === 'push' || subcommand === 'send-pack') return push;
  if (subcommand !== 'config') return null;
  if (rest.some((text) => /^alias\./i.test(text)) && rest.some((text) => /push/.test(text))) return push;
  if (rest.some((text) => /hooksPath|fsmonitor|sshCommand/i.test(text)))
    return deny('git_internals', 'Git hooks and configuration stay as they are.');
  return null;
}

function checkCall(call: Call, scene: Scene): Verdict | null {
  const { name, args, isHidden } = call;
  const texts = args.map(({ text }) => text);
  if (isHidden) return HIDDEN;
  if (PRIVILEGE.has(name)) return deny('privilege', 'No other user is yours to become.');
  if (DISK.has(name) || name.startsWith('mkfs')) return deny('format_disk', 'Disks are not yours.');
  if (name === 'dd' && texts.some((text) => /^of=\/dev\/(?!null)/.test(text)))
    return deny('raw_disk', 'Devices are not yours to write.');
  if (name === 'chmod' && texts.some((text) => /^[0-7]?777$|^(?:a|ugo)?[+=]rwx/.test(text)))
    return deny('open_permissions', 'Give the permission that is needed, to the one who needs it.');
  if (installsNewPackage(name, texts))
    return deny(
      'new_package',
      'Installs come from the lockfile only: use `npm ci`. A new dependency needs approval; say so in your report.',
    );
  const isFetched = (text: string) => scene.fetched.has(fileName(text));
  if (isFetched(name) || ((runs(call) || name === '.' || name === 'source') && texts.some(isFetched)))
    return FETCHED;
  return checkGit(call) ?? checkRemoval(call, scene);
}

function note({ name, args, command }: Call, scene: Scene): void {
  const texts = args.map(({ text }) => text);
  if (name === 'cd' || name === 'pushd') {
    const [target] = args.filter(({ text }) => !text.startsWith('-'));
    const known = target && !target.isDynamic && !target.text.startsWith('~') && scene.folder !== null;
    scene.folder = known ? resolvePath(target.text, scene.folder ?? '/') : null;
    if (target?.text.startsWith('/') && !target.isDynamic) scene.folder = resolvePath(target.text, '/');
  }
  if (!FETCHERS.has(name)) return;
  for (const [at, text] of texts.entries()) {
    if (/^(?:-o|--output|-O|--output-document)$/.test(text) && texts[at + 1])
      scene.fetched.add(fileName(texts[at + 1] ?? ''));
    if (/^https?:/.test(text)) scene.fetched.add(fileName(text));
  }
  for (const { text } of command.writes) scene.fetched.add(fileName(text));
}

/** A fetcher or a decoder whose output becomes a program. */
function checkPipeline(calls: Call[]): Verdict | null {
  const source = calls.findIndex(({ name }) => FETCHERS.has(name) || DECODERS.has(name));
  if (source < 0 || !calls.slice(source + 1).some(runs)) return null;
  return calls.some(({ name }) => FETCHERS.has(name)) ? FETCHED : HIDDEN;
}

function checkScript(text: string, scene: Scene, depth: number): Verdict | null {
  if (depth > MAX_DEPTH) return HIDDEN;
  const { pipelines, nested } = parseScript(text);
  for (const inner of nested) {
    const verdict = checkScript(inner, { ...scene, variables: new Map(scene.variables) }, depth + 1);
    if (verdict) return verdict;
  }
  for (const pipeline of pipelines) {
    const calls = pipeline.flatMap((command) => unwrap(command, scene.variables) ?? []);
    const whole = checkPipeline(calls);
    if (whole) return whole;
    for (const call of calls) {
      const verdict = checkCall(call, scene) ?? checkInner(call, scene, depth);
      if (verdict) return verdict;
      note(call, scene);
    }
  }
  return null;
}

/** What a call runs that is itself a script, or comes from one that fetches. */
function checkInner(call: Call, scene: Scene, depth: number): Verdict | null {
  const evaluates = call.name === 'eval' || call.name === '.' || call.name === 'source' || runs(call);
  const substitutes = call.args.some(({ text }) => /(?:\$\(|`|<\()/.test(text));
  if (evaluates && substitutes && call.args.some(({ text }) => /\b(?:curl|wget|aria2c)\b/.test(text)))
    return FETCHED;
  for (const script of scriptsIn(call)) {
    const verdict = checkScript(script, scene, depth + 1);
    if (verdict) return verdict;
  }
  return null;
}

/** Decides a shell script from its words. */
export function checkBash(script: string, workspaceFolder: string): Verdict {
  if (/:\s*\(\s*\)\s*\{.*:\s*\|\s*:/s.test(script)) return deny('fork_bomb', 'That fills the process table.');
  const scene = {
    workspaceFolder,
    folder: workspaceFolder,
    variables: new Map(),
    fetched: new Set<string>(),
  };
  return checkScript(script, scene, 0) ?? { allowed: true };
}
