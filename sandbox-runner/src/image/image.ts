import { statfs } from 'node:fs/promises';
import { checkEngine, type Engine } from '../docker/docker.ts';
import { buildImage, findImage, tagImage } from '../docker/docker-images.ts';
import { ensureBase } from './image-base.ts';
import { ImageError } from './image-error.ts';
import { hashInputs, IMAGE_FOLDER, timeTag } from './image-inputs.ts';
import { tarFolder } from './image-process.ts';
import { installSdk } from './image-sdk.ts';

const REPOSITORY = 'dogwatch-agent';
/** Base and SDK, once as files and once as layers, with the tar in between. */
const NEEDED_BYTES = 4 * 1024 ** 3;

export interface AgentImage {
  /** By time; the same content keeps the tag of its first build. */
  tag: string;
  /** The image's id: the hash of its configuration and layers. */
  digest: string;
}

async function checkDisk(folders: string[]): Promise<void> {
  for (const folder of folders) {
    const facts = await statfs(folder).catch(() => null);
    if (facts && facts.bavail * facts.bsize < NEEDED_BYTES) {
      const freeMb = Math.round((facts.bavail * facts.bsize) / 1024 ** 2);
      throw new ImageError(
        `${folder} has ${freeMb} MB free; building the agent image needs 4 GB. Free some (docker system prune) or put it on a larger disk.`,
      );
    }
  }
}

async function existing(engine: Engine, contentTag: string): Promise<AgentImage | null> {
  const image = await findImage(engine, contentTag);
  if (!image) return null;
  const byTime = image.tags.filter((tag) => /^dogwatch-agent:\d{8}-\d{6}$/.test(tag)).sort();
  return { tag: byTime[0] ?? contentTag, digest: image.id };
}

/** Finds the image that today's inputs describe, or builds it. */
export async function ensureAgentImage(
  engine: Engine,
  options: { cacheFolder: string; now: () => Date },
  progress: (line: string) => void,
): Promise<AgentImage> {
  const { arch, rootFolder } = await checkEngine(engine);
  const hashes = await hashInputs(IMAGE_FOLDER, arch);
  const contentTag = `${REPOSITORY}:content-${hashes.content}`;
  const found = await existing(engine, contentTag);
  if (found) return found;

  const sdkTag = `dogwatch-sdk:${hashes.sdk}`;
  if (!(await findImage(engine, sdkTag))) {
    await checkDisk([rootFolder, process.cwd()]);
    const base = await ensureBase(
      engine,
      { imageFolder: IMAGE_FOLDER, cacheFolder: options.cacheFolder, arch, hash: hashes.base },
      progress,
    );
    const installed = await installSdk(IMAGE_FOLDER, options.cacheFolder, { os: 'linux', arch }, progress);
    progress('Building the layer with Node, npm and the SDK');
    await buildImage(
      engine,
      sdkContext(installed),
      { dockerfile: 'Dockerfile.sdk', tag: sdkTag, args: { BASE: base }, network: 'none' },
      () => undefined,
    );
  }
  progress('Building the agent image');
  await buildImage(
    engine,
    tarFolder(IMAGE_FOLDER, ['Dockerfile', 'agent']),
    { dockerfile: 'Dockerfile', tag: contentTag, args: { SDK: sdkTag }, network: 'none' },
    () => undefined,
  );
  await tagImage(engine, contentTag, `${REPOSITORY}:${timeTag(options.now())}`);
  const built = await existing(engine, contentTag);
  if (!built) throw new ImageError(`${contentTag} was built and is not there.`);
  progress(`Agent image ${built.tag} is ready`);
  return built;
}

/** The Dockerfile beside the installed packages, without what only compilers and readers need. */
function sdkContext(installed: string): NodeJS.ReadableStream {
  return tarFolder(
    installed,
    ['package.json', 'node_modules', '-C', IMAGE_FOLDER, 'Dockerfile.sdk'],
    ['node-linux-*/include', 'node-linux-*/share', '*.map', 'browser-sdk.js'],
  );
}
