import { z } from 'zod';
import type { Effect } from '../../core/loops/effects.ts';
import { incidentStub } from '../../durable-objects/stubs.ts';
import { azureDevOpsProjects, type Env, operatorTelegramId } from '../env.ts';
import { MAX_BODY_BYTES, readAzureDevOpsHook } from '../intake/azure-devops/hook.ts';
import { parseUpdate } from '../intake/telegram/parse.ts';
import { wordsOf } from '../routing/answer-operator.ts';
import { resolveAzureDevOps } from '../routing/deliver-azure-devops.ts';
import { eventIdOf } from '../routing/event-ids.ts';
import type { InboxPayload } from '../routing/inbox-event.ts';
import { SubjectCollector } from '../subjects.ts';

/** `{ source, headers, body }`: the body as the sender would send it, as text or as JSON. */
export const dryRunSchema = z.object({
  source: z.enum(['azure-devops', 'telegram', 'github']),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.union([z.string(), z.record(z.string(), z.unknown())]),
});

export interface DryRun {
  /** What the door would say of the event; `refused` is kept for inspection only. */
  status: 'accepted' | 'refused' | 'ignored';
  event: string | null;
  type: string | null;
  reason: string | null;
  /** Where it would go. */
  incident: string | null;
  facts: { type: string; data: unknown }[];
  effects: Effect[];
}

const nothing = (status: DryRun['status'], reason: string | null, about: Partial<DryRun> = {}): DryRun => ({
  status,
  event: null,
  type: null,
  incident: null,
  facts: [],
  effects: [],
  reason,
  ...about,
});

/** Parses, resolves and decides as for a real delivery, and writes nothing, the memory of deliveries included. */
export async function dryRun(
  env: Env,
  request: z.infer<typeof dryRunSchema>,
  nowMs: number,
): Promise<DryRun> {
  const text = typeof request.body === 'string' ? request.body : JSON.stringify(request.body);
  switch (request.source) {
    case 'azure-devops':
      return dryRunAzureDevOps(env, text, nowMs);
    case 'telegram':
      return dryRunTelegram(env, text, nowMs);
    case 'github':
      return nothing('refused', 'not_handled: no loop listens to GitHub yet');
  }
}

async function dryRunAzureDevOps(env: Env, text: string, nowMs: number): Promise<DryRun> {
  const sizeBytes = new TextEncoder().encode(text).byteLength;
  const body = { text, sizeBytes, truncated: sizeBytes > MAX_BODY_BYTES };
  const incoming = readAzureDevOpsHook(body, azureDevOpsProjects(env), nowMs);
  const event = eventIdOf(incoming.source, incoming.delivery);
  const about = { event, type: incoming.type };
  const { payload } = incoming;
  if (payload?.kind !== 'build' && payload?.kind !== 'pull_request' && payload?.kind !== 'push')
    return nothing('refused', incoming.refusedBecause, about);
  const resolution = await resolveAzureDevOps(env, { id: event, payload });
  if (resolution.kind === 'end') {
    const { status, reason } = resolution.delivered;
    return nothing(status === 'refused' ? 'refused' : 'ignored', reason, about);
  }
  const { incident, key } = resolution;
  const stub = incidentStub(env, incident);
  if (key === null && (await stub.status()) === null)
    return nothing('ignored', 'no incident is open for it', about);
  const decision = await stub.dryRun(resolution.event, nowMs);
  return { ...nothing('accepted', null, about), incident, ...decision };
}

async function dryRunTelegram(env: Env, text: string, nowMs: number): Promise<DryRun> {
  let value: unknown = null;
  try {
    value = JSON.parse(text);
  } catch {
    return nothing('refused', 'the body is not JSON');
  }
  const update = parseUpdate(value, operatorTelegramId(env));
  if (update.kind === 'malformed') return nothing('refused', update.reason);
  const event = eventIdOf('telegram', String(update.update));
  if (update.kind === 'stranger') return nothing('ignored', 'the sender is a stranger', { event });
  if (update.kind === 'other') return nothing('ignored', 'nothing to act on', { event, type: update.type });
  return dryRunPayload(env, update.payload, { event, type: update.type }, nowMs);
}

async function dryRunPayload(
  env: Env,
  payload: InboxPayload,
  about: { event: string; type: string },
  nowMs: number,
): Promise<DryRun> {
  if (payload.kind === 'operator_text') {
    const words = wordsOf(env, payload);
    const what = words.kind === 'command' ? words.command.kind : words.kind;
    return nothing('accepted', `answered as: ${what}${'group' in words ? ` to ${words.group}` : ''}`, about);
  }
  if (payload.kind !== 'decision') return nothing('ignored', 'not a button of ours', about);
  const stub = incidentStub(env, payload.incident);
  if ((await stub.status()) === null) return nothing('ignored', 'no such incident', about);
  const by = await new SubjectCollector().ref(payload.by);
  if (by === null) return nothing('refused', 'a decision without a person', about);
  const { attempt, verdict, via } = payload;
  const decision = await stub.dryRun({ type: 'approval_given', data: { attempt, verdict, by, via } }, nowMs);
  return { ...nothing('accepted', null, about), incident: payload.incident, ...decision };
}
