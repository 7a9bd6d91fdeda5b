import { readFile } from 'node:fs/promises';
import type { Artifact } from '../../../core/contracts/artifact.ts';
import type { RunRequest } from '../../../core/contracts/run.ts';
import { backoffMs } from '../../../core/outbox/backoff.ts';
import type { SandboxSpec } from '../backend/sandbox.ts';
import type { Logger } from '../logger.ts';
import type { ArtifactStore, FetchedArtifact } from '../worker/artifact-store.ts';
import { WorkerError } from '../worker/worker-client.ts';

export interface SessionArtifactsDeps {
  artifacts: Pick<ArtifactStore, 'put' | 'read'>;
  logger: Logger;
  redact: (text: string) => string;
  random: () => number;
  sleep: (delayMs: number) => Promise<void>;
}

const FETCH_TRIES = 5;

/** The work of the session before, for a fresh one to go on from; null: it begins anew. */
export async function fetchCheckpoint(
  { id, checkpoint }: Pick<RunRequest, 'id' | 'checkpoint'>,
  deps: SessionArtifactsDeps,
): Promise<NonNullable<SandboxSpec['checkpoint']> | null> {
  if (checkpoint === null) return null;
  const { head, uncommitted, bundle } = checkpoint;
  if (bundle === null) return { head, uncommitted, bundle: null };
  const fetched = await fetchArtifact(id, bundle.sha256, deps);
  if (!fetched.ok) throw new Error('the checkpoint of the session before arrived altered');
  return { head, uncommitted, bundle: fetched.bytes };
}

/** A Worker that is away for a moment must not cost the work of a session. */
async function fetchArtifact(
  run: string,
  sha256: string,
  { artifacts, sleep, random }: SessionArtifactsDeps,
): Promise<FetchedArtifact> {
  for (let tries = 1; ; tries++) {
    try {
      return await artifacts.read(run, sha256);
    } catch (error) {
      if (!(error instanceof WorkerError) || !error.retryable || tries >= FETCH_TRIES) throw error;
      await sleep(backoffMs(tries, random(), null));
    }
  }
}

/** What was said in the session, without secrets; null: there is none, or it could not be kept. */
export async function keepTranscript(
  run: string,
  path: string | null,
  { artifacts, redact, logger }: SessionArtifactsDeps,
): Promise<Artifact | null> {
  if (path === null) return null;
  try {
    const text = redact(await readFile(path, 'utf8'));
    if (text === '') return null;
    const bytes = new TextEncoder().encode(text);
    return await artifacts.put(run, 'transcript.jsonl', 'application/x-ndjson', bytes);
  } catch (error) {
    logger.error('a transcript was not kept', { run, error });
    return null;
  }
}
