import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface DefectPatch {
  subject: string;
  /** As `git diff --binary` prints it, paths from the repository's root, line ends as in its files. */
  diff: string;
}

const IDENTITY = ['-c', 'user.name=Dana', '-c', 'user.email=dana@example.com'];
const PLAIN = ['-c', 'core.autocrlf=false', '-c', 'core.safecrlf=false', '-c', 'core.hooksPath=/dev/null'];

/**
 * Reads a patch as people make them (`git diff`, `diff -u`, `git format-patch`, without prefixes, with CRLF, from a
 * folder above or below) and gives it in one form that fits the repository. Throws an Error in Git's words when no
 * reading of it fits.
 */
export async function readDefect(repositoryDir: string, patchFile: string): Promise<DefectPatch> {
  const file = resolve(patchFile);
  const bytes = await readFile(file).catch(() => {
    throw new Error(`the defect ${patchFile} cannot be read: --defect takes a patch file`);
  });
  const text = bytes.toString('latin1');
  if (!/^(?:diff --git |--- |\+\+\+ |GIT binary patch)/m.test(text))
    throw new Error(`${patchFile} holds no patch: make one with git diff`);
  const scratch = await mkdtemp(join(tmpdir(), 'dogwatch-defect-'));
  try {
    const tree = join(scratch, 'tree');
    await cp(repositoryDir, tree, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => path !== join(repositoryDir, '.git'),
    });
    const git = (...args: string[]) =>
      run('git', [...PLAIN, ...IDENTITY, ...args], {
        cwd: tree,
        maxBuffer: 64 << 20,
        encoding: 'latin1',
        env: { ...process.env, GIT_DIR: join(scratch, 'git'), GIT_WORK_TREE: tree, LC_ALL: 'C' },
      });
    await git('init', '--quiet');
    await git('add', '--all', '--force', '.');
    await git('commit', '--quiet', '--allow-empty', '--no-verify', '-m', 'as it is');
    const refusals: string[] = [];
    for (const reading of await readings(text, tree)) {
      const input = join(scratch, 'patch');
      await writeFile(input, reading.text, 'latin1');
      try {
        await git('apply', '--index', '--whitespace=nowarn', ...reading.options, input);
        const { stdout: diff } = await git('diff', '--cached', '--binary', '--no-renames', 'HEAD');
        if (diff === '') throw new Error('it changes nothing');
        return {
          subject: subjectOf(bytes.toString('utf8')),
          diff: Buffer.from(diff, 'latin1').toString('utf8'),
        };
      } catch (error) {
        const { stderr, message } = error as { stderr?: string; message: string };
        refusals.push((stderr || message).trim());
        await git('reset', '--quiet', '--hard');
      }
    }
    const isThereAlready = await git('apply', '--check', '--reverse', file).then(
      () => true,
      () => false,
    );
    throw new Error(
      isThereAlready
        ? `${patchFile} is applied already: --repo wants the repository as it was before the defect`
        : `${patchFile} does not apply to the repository:\n${refusals[0]}`,
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

type Reading = { text: string; options: string[] };

/** How a patch could be meant, the plainest first. */
async function readings(text: string, tree: string): Promise<Reading[]> {
  const unix = text.replaceAll('\r\n', '\n');
  const texts = [...new Set([text, unix, await withLineEndsOf(tree, unix)])];
  const folders = await foldersHolding(tree, firstPath(unix));
  const places = [
    ...[1, 0, 2, 3, 4, 5].map((strip) => [`-p${strip}`]),
    ...folders.flatMap((folder) => [1, 0].map((strip) => [`-p${strip}`, `--directory=${folder}`])),
  ];
  return places.flatMap((options) => texts.map((one) => ({ text: one, options })));
}

function firstPath(patch: string): string {
  const old = /^--- (?:"?a\/)?([^\t\n"]+)/m.exec(patch)?.[1] ?? '/dev/null';
  return old === '/dev/null' ? (/^\+\+\+ (?:"?b\/)?([^\t\n"]+)/m.exec(patch)?.[1] ?? '') : old;
}

/** Folders below which the patch's first file is found: it was made inside one of them. */
async function foldersHolding(tree: string, path: string): Promise<string[]> {
  const files = await readdir(tree, { recursive: true });
  return files
    .filter((file) => path !== '' && file.endsWith(`/${path}`) && !file.includes('node_modules/'))
    .map((file) => file.slice(0, -path.length - 1))
    .slice(0, 3);
}

/** Hunks of files that end their lines with CR LF, ended likewise: mails and editors lose the CR. */
async function withLineEndsOf(tree: string, patch: string): Promise<string> {
  const parts = patch.split(/^(?=diff --git |--- (?!\n))/m);
  const done = await Promise.all(
    parts.map(async (part) => {
      const path = firstPath(part);
      const now = path === '' ? '' : await readFile(join(tree, path), 'latin1').catch(() => '');
      if (!now.includes('\r\n')) return part;
      const start = part.search(/^@@ /m);
      if (start === -1) return part;
      return part.slice(0, start) + part.slice(start).replace(/^([ +-].*)$/gm, '$1\r');
    }),
  );
  return done.join('');
}

/** Of a mail as `git format-patch` writes it; else words that fit anything. */
export function subjectOf(patch: string): string {
  const subject = /^Subject: (?:\[[^\]]*\] )?(.*(?:\r?\n[ \t].*)*)$/m.exec(patch)?.[1];
  return subject?.replace(/\s+/g, ' ').trim() || 'Improve the service';
}
