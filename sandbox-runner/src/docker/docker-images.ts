import { DockerError, type Engine, statusOf } from './docker.ts';

/** The image's id (`sha256:…`) and tags; null when there is no such image. */
export async function findImage(engine: Engine, tag: string): Promise<{ id: string; tags: string[] } | null> {
  try {
    const image = await engine.getImage(tag).inspect();
    return { id: image.Id, tags: image.RepoTags ?? [] };
  } catch (error) {
    if (statusOf(error) === 404) return null;
    throw error;
  }
}

/** Follows a progress stream to its end; an error in it is an error. */
function follow(
  engine: Engine,
  stream: NodeJS.ReadableStream,
  onLine: (line: string) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    engine.modem.followProgress(
      stream,
      (error: Error | null) => (error ? reject(error) : resolve()),
      (event: { stream?: string; status?: string; error?: string }) => {
        const line = (event.stream ?? event.status ?? '').trim();
        if (line !== '') onLine(line);
      },
    );
  });
}

/** False when no registry answers in time, or none has it. */
export async function pullImage(engine: Engine, tag: string, timeoutMs: number): Promise<boolean> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeoutMs);
  try {
    const stream = await engine.pull(tag, { abortSignal: abort.signal });
    await follow(engine, stream, () => undefined);
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

/** Makes an image of a root file system's tar. */
export async function importImage(engine: Engine, tar: NodeJS.ReadableStream, tag: string): Promise<void> {
  const [repo = tag, version = 'latest'] = tag.split(':');
  const stream = await engine.importImage(tar, { repo, tag: version });
  await follow(engine, stream, () => undefined);
}

/** `context` is a tar of the build's folder. Nothing but `network: 'default'` lets a build reach out. */
export async function buildImage(
  engine: Engine,
  context: NodeJS.ReadableStream,
  options: { dockerfile: string; tag: string; args: Record<string, string>; network: 'none' | 'default' },
  onLine: (line: string) => void,
): Promise<void> {
  let lastLine = '';
  try {
    const stream = await engine.buildImage(context, {
      dockerfile: options.dockerfile,
      t: options.tag,
      buildargs: options.args,
      networkmode: options.network,
      labels: { 'dogwatch.image': 'true' },
      rm: true,
      forcerm: true,
    });
    await follow(engine, stream, (line) => {
      lastLine = line;
      onLine(line);
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DockerError(`Building ${options.tag} failed: ${reason} (after: ${lastLine.slice(0, 300)})`, {
      retryable: false,
      cause: error,
    });
  }
}

export async function tagImage(engine: Engine, existing: string, tag: string): Promise<void> {
  const [repo = tag, version = 'latest'] = tag.split(':');
  await engine.getImage(existing).tag({ repo, tag: version });
}
