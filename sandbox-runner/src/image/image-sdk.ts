import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageError } from './image-error.ts';
import { runProcess } from './image-process.ts';

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * The Agent SDK, installed from the image's own lock file with the host's npm configuration, kept under
 * `cacheFolder`. Serves as build context and, for the process backend, as the place it runs from.
 */
export async function installSdk(
  imageFolder: string,
  cacheFolder: string,
  target: { os: string; arch: string },
  progress: (line: string) => void,
): Promise<string> {
  const lock = await readFile(join(imageFolder, 'package-lock.json'));
  const key = createHash('sha256').update(lock).digest('hex').slice(0, 12);
  const folder = join(cacheFolder, 'agent-sdk', `${target.os}-${target.arch}-${key}`);
  if (await exists(folder)) return folder;

  progress('Installing the Claude Agent SDK (some 200 MB to fetch)');
  // Whole or not at all: a broken install must not look like one.
  const draft = `${folder}.${process.pid}.draft`;
  await mkdir(cacheFolder, { recursive: true }).catch((error: unknown) => {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new ImageError(
      `${cacheFolder} cannot be used (${code}). Set RUNNER_CACHE_DIR to a folder that the runner may write, with 2 GB free.`,
    );
  });
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  try {
    for (const name of ['package.json', 'package-lock.json', '.npmrc']) {
      await copyFile(join(imageFolder, name), join(draft, name));
    }
    const flags = [
      'ci',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      `--os=${target.os}`,
      `--cpu=${target.arch}`,
    ];
    if (target.os === 'linux') flags.push('--libc=glibc');
    // Settings of the npm that started us are about another folder.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(
        ([name]) => !/^npm_(config_(local_prefix|prefix)|package|lifecycle)/i.test(name),
      ),
    );
    const end = await runProcess('npm', flags, { cwd: draft, env }, () => undefined);
    if (end.exitCode !== 0) {
      throw new ImageError(
        `npm could not install the Agent SDK (exit ${end.exitCode}). Check that the package registry answers (npm ping) and the disk has 2 GB free.\n${end.tail}`,
      );
    }
    await rename(draft, folder).catch(async (error: unknown) => {
      if (!(await exists(folder))) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return folder;
}
