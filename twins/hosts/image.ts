import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkEngine, connectEngine } from '../../sandbox-runner/src/docker/docker.ts';
import { ensureBase } from '../../sandbox-runner/src/image/image-base.ts';
import { hashInputs, IMAGE_FOLDER } from '../../sandbox-runner/src/image/image-inputs.ts';

export const docker = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)('docker', args, { maxBuffer: 64 * 1_024 * 1_024 })).stdout;

const FOLDER = join(import.meta.dirname, 'image');

/** The same Debian that agents run on, with an SSH server: built once, kept by what it is made of. */
export async function ensureHostImage(progress: (line: string) => void = () => {}): Promise<string> {
  const engine = connectEngine();
  const { arch } = await checkEngine(engine);
  const { base: hash } = await hashInputs(IMAGE_FOLDER, arch);
  const cacheFolder = join(tmpdir(), 'dogwatch-base');
  const base = await ensureBase(engine, { imageFolder: IMAGE_FOLDER, cacheFolder, arch, hash }, progress);
  const digest = createHash('sha256').update(base);
  for (const folder of ['', 'bin'])
    for (const entry of (await readdir(join(FOLDER, folder), { withFileTypes: true })).filter((each) =>
      each.isFile(),
    ))
      digest.update(entry.name).update(await readFile(join(FOLDER, folder, entry.name)));
  const tag = `dogwatch-host-twin:${digest.digest('hex').slice(0, 16)}`;
  if ((await docker('images', '-q', tag)).trim() !== '') return tag;
  progress('building the image of the host twin');
  await docker(
    'build',
    '--network',
    'host',
    '--label',
    'dogwatch.twin=hosts',
    '--build-arg',
    `BASE=${base}`,
    '-t',
    tag,
    FOLDER,
  );
  return tag;
}
