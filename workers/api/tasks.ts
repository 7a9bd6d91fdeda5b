import { Hono } from 'hono';
import { z } from 'zod';
import { newId } from '../../core/contracts/ids.ts';
import { DEFAULT_PRIORITY } from '../../core/contracts/priority.ts';
import type { Env } from '../env.ts';
import { Refusal } from '../problems.ts';
import { auditAction } from '../routing/accept.ts';
import { openTask } from '../routing/open-task.ts';
import { SubjectCollector } from '../subjects.ts';
import { groupSchema } from './groups.ts';
import { jsonBody } from './json-body.ts';

const askSchema = z.strictObject({
  /** What is asked of the group's agent. */
  text: z.string().trim().min(1).max(4_000),
  /** The caller's own id: asked again under it, it is the same task. */
  id: z
    .string()
    .regex(/^[\w.:-]{1,100}$/)
    .optional(),
  priority: z.literal([0, 1, 2, 3]).default(DEFAULT_PRIORITY),
});

/** `POST /api/groups/{group}/tasks`: asks a group's agent something, as the operator; 202 with the task's incident. */
export const tasksApi = new Hono<{ Bindings: Env }>();

tasksApi.post('/groups/:group/tasks', async (context) => {
  const { env } = context;
  const group = groupSchema.safeParse(context.req.param('group'));
  if (!group.success) throw new Refusal('not_found', 'no such group');
  const { text, priority, id: asked } = await jsonBody(context.req.raw, askSchema);
  const nowMs = Date.now();
  const id = asked ?? newId('msg', nowMs, crypto.getRandomValues(new Uint8Array(10)));
  const subjects = new SubjectCollector();
  const words = await subjects.token(text);
  await auditAction(env, {
    at: nowMs,
    actor: 'operator',
    action: 'task_asked',
    data: { group: group.data, id },
    subjects: {},
  });
  const opened = await openTask(
    env,
    id,
    {
      source: 'api',
      group: group.data,
      from: 'operator',
      title: 'asked by the operator',
      text: words,
      attachment: null,
      thread: `api:${id}`,
      priority,
      forPerson: true,
      reply: null,
      isShown: false,
      schedule: null,
      parent: null,
      budgetMicroUsd: null,
      workspace: null,
    },
    subjects.texts,
    nowMs,
  );
  if (opened.status === 'unknown_group') throw new Refusal('not_found', 'no such group');
  return context.json({ incident: opened.incident, status: opened.status }, 202);
});
