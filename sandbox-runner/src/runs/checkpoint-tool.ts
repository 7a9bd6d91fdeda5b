import type { Artifact } from '../../../core/contracts/artifact.ts';
import { handOffSchema } from '../../../core/contracts/hand-off.ts';
import type { RunRequest } from '../../../core/contracts/run.ts';
import type { ToolAnswer, ToolCall } from '../backend/sandbox.ts';
import type { ArtifactStore } from '../worker/artifact-store.ts';
import type { EventSpool } from '../worker/event-spool.ts';

export type CheckpointCall = Extract<ToolCall, { tool: 'checkpoint' }>;

export interface CheckpointDeps {
  artifacts: Pick<ArtifactStore, 'put'>;
  spool: Pick<EventSpool, 'append'>;
}

/** Keeps the work of a session outside its container: the bundle as an artifact, the rest as an event. */
export async function keepCheckpoint(
  request: Pick<RunRequest, 'id' | 'fence'>,
  { input, head, uncommitted, bundle: bytes }: CheckpointCall,
  deps: CheckpointDeps,
): Promise<ToolAnswer> {
  const bundle: Artifact | null =
    bytes.length === 0
      ? null
      : await deps.artifacts.put(request.id, 'checkpoint.bundle', 'application/x-git-bundle', bytes);
  const handOff = input === null ? null : handOffSchema.parse(input);
  const data = { handOff, bundle, head, uncommitted };
  const artifacts = bundle === null ? [] : [bundle];
  deps.spool.append(request.id, request.fence, { type: 'checkpoint', data }, artifacts);
  const next = input?.final ? 'A fresh session goes on from it: end your work now.' : 'Go on.';
  return { text: `Kept. ${next}`, isError: false };
}
