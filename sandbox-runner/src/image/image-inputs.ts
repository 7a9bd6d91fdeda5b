import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export const IMAGE_FOLDER = join(import.meta.dirname, '../../image');

/** Tools inside, besides what a minimal Debian has. */
export const BASE_PACKAGES = ['git', 'ca-certificates', 'curl', 'ripgrep', 'jq', 'patch', 'procps'];
export const BASE_SUITE = 'bookworm';

export interface ImageHashes {
  base: string;
  /** Node, npm and the SDK: also names the folder they are installed in. */
  sdk: string;
  /** All of it. */
  content: string;
}

function hash(parts: (string | Buffer)[]): string {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(String(part.length)).update('\0').update(part);
  return digest.digest('hex').slice(0, 16);
}

/** What the image is made of, as hashes: the same inputs are the same image. */
export async function hashInputs(folder: string, arch: string): Promise<ImageHashes> {
  const read = (name: string) => readFile(join(folder, name));
  const agentFiles = (await readdir(join(folder, 'agent'))).filter((name) => name.endsWith('.ts')).sort();
  const base = hash([arch, BASE_SUITE, ...BASE_PACKAGES, await read('Dockerfile.base')]);
  const sdk = hash([
    base,
    await read('Dockerfile.sdk'),
    await read('package.json'),
    await read('package-lock.json'),
  ]);
  const agent = await Promise.all(agentFiles.map((name) => read(`agent/${name}`)));
  return { base, sdk, content: hash([sdk, await read('Dockerfile'), ...agentFiles, ...agent]) };
}

/** `20261120-131500`, UTC. */
export const timeTag = (at: Date): string =>
  at.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
