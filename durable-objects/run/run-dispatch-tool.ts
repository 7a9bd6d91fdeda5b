import { z } from 'zod';
import { DEFAULT_PRIORITY } from '../../core/contracts/priority.ts';
import { DISPATCHES_PER_DAY } from '../../core/governors/dispatch.ts';
import type { RunSpec } from '../../core/loops/effects.ts';
import { taskKey } from '../../core/loops/task/key.ts';
import { normaliseWords } from '../../core/relay/decide-relay.ts';
import type { LightTool } from '../../workers/adapters/anthropic.ts';
import type { Env } from '../../workers/env.ts';
import { incidentIdOf } from '../../workers/routing/event-ids.ts';
import { openTask } from '../../workers/routing/open-task.ts';
import { SubjectCollector } from '../../workers/subjects.ts';
import { sha256Hex } from '../shared/journal.ts';
import { runPoolStub } from '../stubs.ts';
import type { Child, DispatchAnswer } from './run-dispatches.ts';
import { budgetMicroUsd, memberOf } from './run-request.ts';

const inputSchema = z.object({
  group: z.string().min(1).max(64),
  prompt: z.string().trim().min(1).max(4_000),
  budgetUsd: z.number().positive().max(1_000).optional(),
});

const TRY_AGAIN_AFTER_MS = [200, 1_000];

const refused = (code: string, reason: string) => ({ text: `Refused (${code}): ${reason}.`, isError: true });

export interface DispatchDeps {
  env: Env;
  spec: RunSpec;
  /** What the run may still spend; null: no limit. */
  leftMicroUsd(): number | null;
  /** Commits the dispatch, before anything starts. */
  dispatch(child: Child): DispatchAnswer;
}

/**
 * `dispatch`: another group's agent does something, as a run of its own that is paid from this one's budget. What
 * was dispatched dispatches nothing further.
 */
export function dispatchTool({ env, spec, leftMicroUsd, dispatch }: DispatchDeps): LightTool | null {
  if (spec.parent) return null;
  return {
    name: 'dispatch',
    description:
      'Has another group do something, as a task of its own in its own queue. Its budget is taken from yours. What comes of it reaches you while you work, or, when you have concluded before, as a task of its own: do not wait for it.',
    inputSchema: {
      type: 'object',
      properties: {
        group: { type: 'string', description: 'ryan, sam or cody' },
        prompt: { type: 'string', description: 'What to do, with the ids that belong to it' },
        budgetUsd: { type: 'number', description: 'At most this much of your budget; left out: half of it' },
      },
      required: ['group', 'prompt'],
      additionalProperties: false,
    },
    async use(input) {
      const parsed = inputSchema.safeParse(input);
      if (!parsed.success)
        return refused('dispatch_invalid', 'give group and prompt, and budgetUsd if you like');
      const { group, prompt, budgetUsd } = parsed.data;
      const member = memberOf(group);
      if (member === null || group === spec.group)
        return refused('dispatch_group', `there is no other group ${group}`);
      const half = Math.floor((leftMicroUsd() ?? Number.POSITIVE_INFINITY) / 2);
      const asked = budgetUsd === undefined ? half : Math.round(budgetUsd * 1_000_000);
      const budget = Math.max(1, Math.min(asked, budgetMicroUsd(member.agent)));
      const key = sha256Hex(`${group}\n${normaliseWords(prompt)}`).slice(0, 32);
      const answer = dispatch({ key, group, budgetMicroUsd: budget });
      if (!answer.allowed) return refused(answer.code, answer.reason);
      const { opened, heldUntil } = await patiently(() =>
        openDispatched(env, spec, { key, group, prompt, budgetMicroUsd: budget }),
      );
      if (opened.status === 'unknown_group') return refused('dispatch_group', `there is no group ${group}`);
      const wait =
        heldUntil === null
          ? ''
          : ` It begins on ${new Date(heldUntil).toISOString()}, not before: ${DISPATCHES_PER_DAY} dispatched tasks begin in a UTC day. Say so to who asked.`;
      const said = `Dispatched to ${group} as ${opened.incident}, with $${(budget / 1_000_000).toFixed(2)}.${wait}`;
      return { text: answer.warning === null ? said : `${said} ${answer.warning}`, isError: false };
    },
  };
}

/** A deploy takes down those who are asked, for a moment; what they know already they do not do again. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (const pauseMs of TRY_AGAIN_AFTER_MS)
    try {
      return await ask();
    } catch (error) {
      console.error('dispatch', error);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  return ask();
}

async function openDispatched(
  env: Env,
  spec: RunSpec,
  { key, group, prompt, budgetMicroUsd }: Child & { prompt: string },
): Promise<{ opened: Awaited<ReturnType<typeof openTask>>; heldUntil: number | null }> {
  // By its incident: a task that is tried again with another run dispatches nothing twice.
  const id = `${spec.incident}:${spec.episode}:${key}`;
  const { priority = DEFAULT_PRIORITY, forPerson = false } = spec;
  const incident = incidentIdOf(taskKey('dispatch', id));
  const heldUntil = await runPoolStub(env).admitDispatch({ incident, group, priority, forPerson });
  const subjects = new SubjectCollector();
  const opened = await openTask(
    env,
    id,
    {
      source: 'dispatch',
      group,
      from: spec.group,
      title: `dispatched by ${spec.group}`,
      text: await subjects.token(prompt),
      attachment: null,
      thread: spec.incident,
      priority,
      forPerson,
      reply: null,
      isShown: false,
      schedule: null,
      ...(heldUntil === null ? {} : { notBefore: heldUntil }),
      parent: spec.run,
      budgetMicroUsd,
      workspace: null,
    },
    subjects.texts,
    Date.now(),
  );
  return { opened, heldUntil };
}
