import { mkdir } from 'node:fs/promises';
import { checkout } from './checkout.ts';
import type { Door } from './door.ts';
import { runSession } from './session.ts';
import type { AgentEnd, AgentTask } from './task.ts';

/** From the task to the end of its session. `asked`: the answer of `GET /dogwatch/task`. */
export async function live(gatewayUrl: string, door: Door, asked: Promise<string>): Promise<AgentEnd> {
  const failed = (error: unknown): AgentEnd => ({
    reason: 'start_failed',
    detail: String(error).slice(0, 2_000),
    turns: 0,
  });
  let task: AgentTask;
  try {
    task = JSON.parse(await asked) as AgentTask;
    await mkdir(task.workspace.folder, { recursive: true });
  } catch (error) {
    return failed(error);
  }
  // Both take about a second: the session's program starts while the commit is fetched.
  const checkedOut = checkout(task, gatewayUrl).then(
    () => null,
    (error: unknown) => failed(error),
  );
  return runSession(task, gatewayUrl, door, process.env, checkedOut);
}
