import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../docker/docker.ts';
import { buildImage, findImage, importImage, pullImage } from '../docker/docker-images.ts';
import { type AptMirror, chooseMirror } from './image-apt-sources.ts';
import { ImageError } from './image-error.ts';
import { BASE_PACKAGES, BASE_SUITE } from './image-inputs.ts';
import { runProcess, tarFolder, tarRoot } from './image-process.ts';

const NODE_IMAGE = 'node:24-bookworm-slim';
/** A registry that answers has begun within seconds; 80 MB on a slow line take a few minutes. */
const PULL_TIMEOUT_MS = 180_000;

async function aptSources(): Promise<{ name: string; text: string }[]> {
  const folder = '/etc/apt/sources.list.d';
  const names = await readdir(folder).catch(() => [] as string[]);
  const files = ['/etc/apt/sources.list', ...names.sort().map((name) => join(folder, name))];
  const texts = files.map(async (name) => ({ name, text: await readFile(name, 'utf8').catch(() => '') }));
  return Promise.all(texts);
}

/** The proxy that the host's apt goes through, if any. */
async function aptProxy(): Promise<string | null> {
  const lines: string[] = [];
  await runProcess('apt-config', ['dump', 'Acquire::http::Proxy'], {}, (line) => lines.push(line));
  return /^Acquire::http::Proxy "(https?:[^"]+)"/m.exec(lines.join('\n'))?.[1] ?? null;
}

async function debootstrap(
  mirror: AptMirror,
  root: string,
  arch: string,
  progress: (line: string) => void,
): Promise<void> {
  const args = ['--variant=minbase', `--include=${BASE_PACKAGES.join(',')}`];
  args.push(`--arch=${arch === 'arm64' ? 'arm64' : 'amd64'}`);
  const target = [BASE_SUITE, root];
  if (mirror.keyring !== null) args.push(`--keyring=${mirror.keyring}`);
  const proxy = await aptProxy();
  const env = { ...process.env, ...(proxy === null ? {} : { http_proxy: proxy }) };
  let packages = 0;
  if (mirror.url !== null) target.push(mirror.url);
  const end = await runProcess('debootstrap', [...args, ...target], { env }, (line) => {
    if (/^I: (?:Retrieving|Extracting|Configuring) /.test(line) && ++packages % 60 === 0) {
      progress(`… ${line.slice(3)}`);
    }
  });
  if (end.exitCode === 127) {
    throw new ImageError(
      'No image registry answers and debootstrap is not installed. Either make a registry reachable (docker pull node:24-bookworm-slim), or: apt-get install debootstrap debian-archive-keyring',
    );
  }
  if (end.exitCode !== 0) {
    throw new ImageError(`debootstrap of ${BASE_SUITE} failed (exit ${end.exitCode}):\n${end.tail}`);
  }
}

/** Only weight: documentation, translations, and what apt can fetch again. */
const LEFT_OUT = [
  './var/cache/apt/*',
  './var/lib/apt/lists/*',
  './var/log/*',
  './usr/share/doc/*',
  './usr/share/man/*',
  './usr/share/locale/*',
  './dev/*',
  './proc/*',
  './sys/*',
  './debootstrap',
];

/** A Debian base with our tools: kept and reused, whichever way it was made. Returns its tag. */
export async function ensureBase(
  engine: Engine,
  options: { imageFolder: string; cacheFolder: string; arch: string; hash: string },
  progress: (line: string) => void,
): Promise<string> {
  const fromRegistry = `dogwatch-base:node24-${options.hash}`;
  const fromPackages = `dogwatch-base:debootstrap-${options.hash}`;
  for (const tag of [fromRegistry, fromPackages]) if (await findImage(engine, tag)) return tag;

  progress(`Base image: asking the registry for ${NODE_IMAGE}`);
  if ((await findImage(engine, NODE_IMAGE)) || (await pullImage(engine, NODE_IMAGE, PULL_TIMEOUT_MS))) {
    try {
      await buildImage(
        engine,
        tarFolder(options.imageFolder, ['Dockerfile.base']),
        {
          dockerfile: 'Dockerfile.base',
          tag: fromRegistry,
          args: { PACKAGES: BASE_PACKAGES.join(' ') },
          network: 'default',
        },
        () => undefined,
      );
      return fromRegistry;
    } catch (error) {
      progress(`That base could not be completed (${String(error).slice(0, 200)})`);
    }
  }

  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new ImageError(
      'No image registry answers, and the other way to a base image (debootstrap) needs root on Linux: run once as root, or make docker pull node:24-bookworm-slim work.',
    );
  }
  const mirror = chooseMirror(await aptSources(), BASE_SUITE);
  progress(
    `No registry answers: making a Debian base with debootstrap from ${mirror.url ?? 'its own mirror'} (about a minute)`,
  );
  await mkdir(options.cacheFolder, { recursive: true });
  const scratch = await mkdtemp(join(options.cacheFolder, 'base-'));
  try {
    const root = join(scratch, 'root');
    await debootstrap(mirror, root, options.arch, progress);
    await importImage(engine, tarRoot(root, LEFT_OUT), fromPackages);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return fromPackages;
}
