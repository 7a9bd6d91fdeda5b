import type { RunRequest } from '../../../core/contracts/run.ts';
import { backoffMs } from '../../../core/outbox/backoff.ts';
import type { ToolAnswer } from '../backend/sandbox.ts';
import type { LeaseClock } from '../worker/lease-clock.ts';
import { type WorkerClient, WorkerError } from '../worker/worker-client.ts';

export interface RelayDeps {
  worker: Pick<WorkerClient, 'relay'>;
  leaseClock: LeaseClock;
  random: () => number;
  sleep: (delayMs: number) => Promise<void>;
}

/** The key makes repeats one message; an agent should not wait long for an answer. */
const MAX_TRIES = 4;
const MAX_TEXT_CHARS = 20_000;

/** Sends a message to another group in the run's name. What the policy says goes back to the agent. */
export async function relay(
  request: Pick<RunRequest, 'id' | 'fence'>,
  call: { key: string; input: { to: string; text: string } },
  deps: RelayDeps,
): Promise<ToolAnswer> {
  const { to, text } = call.input;
  if (text.length > MAX_TEXT_CHARS)
    return { text: `The message has ${text.length} characters; at most ${MAX_TEXT_CHARS}.`, isError: true };
  for (let tries = 1; ; tries++) {
    if (!deps.leaseClock.isFresh(request.id))
      return {
        text: 'Not delivered: the link to the control plane is down. Go on without it.',
        isError: true,
      };
    try {
      await deps.worker.relay({ run: request.id, fence: request.fence, key: call.key, to, text });
      return { text: `Delivered to ${to}.`, isError: false };
    } catch (error) {
      if (!(error instanceof WorkerError)) throw error;
      if (!error.retryable) return { text: `Refused: ${error.problem}`, isError: true };
      if (tries >= MAX_TRIES) return { text: `Not delivered: ${error.problem}`, isError: true };
      await deps.sleep(backoffMs(tries, deps.random(), null));
    }
  }
}
