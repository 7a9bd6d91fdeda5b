import { derivedId } from '../../core/contracts/ids.ts';
import { DEFAULT_PRIORITY } from '../../core/contracts/priority.ts';
import { adminRequestKey } from '../../core/loops/admin-request/key.ts';
import type { LoopEvent } from '../../core/loops/index.ts';
import { html } from '../../core/text/plain.ts';
import { runnerClient } from '../../workers/adapters/runner.ts';
import type { Env } from '../../workers/env.ts';
import { mustTellOperator, safetyAlert } from '../../workers/tell-operator.ts';
import { sha256Bytes } from '../shared/journal.ts';
import type { OutboxItem } from '../shared/outbox.ts';
import { groupQueueStub, incidentStub, runPoolStub } from '../stubs.ts';
import { withTexts } from './run-prompt.ts';
import { budgetMicroUsd, requireMember, runRequestOf } from './run-request.ts';
import type { Lease } from './run-sessions.ts';
import type { RunStore } from './run-store.ts';

/** A full runner that names no pause is asked again after this. */
const FULL_RUNNER_MS = 30_000;

/** A runner has no room yet, or has not forgotten an older lease: asked again after the pause. */
class StartPostponed extends Error {
  override name = 'StartPostponed';
  readonly retryable = true;
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

export interface RunEffectDeps {
  env: Env;
  store: RunStore;
  /** The pool gave a slot at once. */
  onLease(lease: Lease): void;
}

/** Performs one effect of a run. Safe to repeat. Throws what failed outside. */
export async function performRunEffect(deps: RunEffectDeps, item: OutboxItem): Promise<void> {
  const { env, store } = deps;
  const { run, group } = store.spec;
  switch (item.kind) {
    case 'lease':
      return askForLease(deps);
    case 'start':
      return startOnRunner(deps);
    case 'incident':
      return tellIncident(deps, item);
    case 'file_request':
      return fileRequest(deps, item);
    case 'message':
      return sendMessage(deps, item);
    case 'seen': {
      const { message, at } = JSON.parse(item.body) as { message: string; at: number };
      return groupQueueStub(env, group).seen(message, run, at);
    }
    case 'place':
      return groupQueueStub(env, group).waitsForSlot(run, Number(item.body), Date.now());
    case 'check_lease':
      return checkLease(deps);
    case 'alert':
      return alertOperator(deps, item);
    case 'back_off': {
      const { until } = JSON.parse(item.body) as { until: number };
      return runPoolStub(env).backOff(group, until, run);
    }
    case 'release': {
      const { fence } = JSON.parse(item.body) as { fence: number | null };
      return runPoolStub(env).release(run, fence, spentOf(store));
    }
    case 'spent':
      return runPoolStub(env).spent(run, spentOf(store));
    case 'cancel': {
      const { runner, fence, reason } = JSON.parse(item.body) as {
        runner: string;
        fence: number;
        reason: string;
      };
      await runnerClient(env).cancelRun(runner, run, fence, reason);
      return;
    }
    default:
      throw new Error(`a run has no effect ${item.kind}`);
  }
}

const spentOf = ({ record }: RunStore): Record<string, number> => record?.spentByDay ?? {};

async function askForLease({ env, store, onLease }: RunEffectDeps): Promise<void> {
  const { run, group, kind, priority = DEFAULT_PRIORITY, forPerson = false } = store.spec;
  const { record } = store;
  if (record === null) return;
  // Asked before its end, and granted while nobody listened: it is given back.
  if (record.status === 'ended') return runPoolStub(env).release(run, null, spentOf(store));
  const budget = record.budgetMicroUsd ?? budgetMicroUsd(requireMember(group).agent);
  const answer = await runPoolStub(env).lease({
    run,
    group,
    kind,
    budgetMicroUsd: Math.max(1, budget - record.costMicroUsd),
    priority,
    forPerson,
    at: Date.now(),
  });
  if (answer.status === 'granted') onLease(answer);
  else if (answer.status === 'queued') store.queued(answer.position, Date.now());
  else store.end({ ok: false, reason: 'budget_refused', detail: answer.reason }, Date.now(), false);
}

async function startOnRunner({ env, store }: RunEffectDeps): Promise<void> {
  const { record } = store;
  if (record?.status !== 'leased' || record.runner === null) return;
  if (record.haltedFence === record.fence) return;
  const said = store.messages.all().filter(({ promptFence }) => promptFence === record.fence);
  const spec = await withTexts(env, store.spec);
  const request = runRequestOf(spec, requireMember(spec.group), record, said);
  const answer = await runnerClient(env).startRun(record.runner, request);
  if (answer.status === 'full')
    throw new StartPostponed(`runner ${record.runner} is full`, answer.retryAfterMs ?? FULL_RUNNER_MS);
  if (answer.status === 'stale_fence') {
    const detail = 'the runner knows a newer lease';
    store.end({ ok: false, reason: 'lease_lost', detail }, Date.now(), false);
  }
}

/** To the session that goes on under this lease; what it cannot take any more is in the prompt of the next. */
async function sendMessage({ env, store }: RunEffectDeps, { body }: OutboxItem): Promise<void> {
  const { message: id, fence } = JSON.parse(body) as { message: string; fence: number };
  const { record } = store;
  const message = store.messages.get(id);
  if (message === null || record?.status !== 'running' || record.fence !== fence || record.runner === null)
    return;
  const { from, text, at } = message;
  await runnerClient(env).sendMessage(record.runner, record.spec.run, { id, fence, from, text, at });
}

async function tellIncident({ env, store }: RunEffectDeps, { body }: OutboxItem): Promise<void> {
  const { id, event } = JSON.parse(body) as { id: string; event: LoopEvent };
  await incidentStub(env, store.spec.incident).receive({
    id,
    key: null,
    at: Date.now(),
    event,
    subjects: {},
  });
}

/** Row A7: what needs a person's yes is an incident of its own, which outlives this run. */
async function fileRequest({ env, store }: RunEffectDeps, { body: id }: OutboxItem): Promise<void> {
  const intent = store.intent(id);
  if (intent === null || intent.body.kind === 'push_fix') return;
  const { group, incident } = store.spec;
  const key = adminRequestKey(id);
  await incidentStub(env, derivedId('inc', sha256Bytes(key))).receive({
    id: derivedId('evt', sha256Bytes(`filed:${id}`)),
    key,
    at: Date.now(),
    event: { type: 'request_filed', data: { intent: { ...intent, body: intent.body }, group, incident } },
    subjects: {},
  });
}

/** A lease that revived meanwhile is as good as one that was never lost. */
async function checkLease({ env, store }: RunEffectDeps): Promise<void> {
  const lease = await runPoolStub(env).leaseOf(store.spec.run);
  const { record } = store;
  if (record === null || (record.status !== 'leased' && record.status !== 'running')) return;
  if (lease === null || lease.fence !== record.fence) store.loseLease(Date.now());
}

/** Whatever the loop is doing. */
async function alertOperator({ env, store }: RunEffectDeps, { key, body }: OutboxItem): Promise<void> {
  const { rule, text } = JSON.parse(body) as { rule: string; text: string };
  const { run, group, incident } = store.spec;
  const place = `${html(group)}, run <code>${run}</code>, incident <code>${incident}</code>`;
  await mustTellOperator(env, {
    key: `${run}:${key}`,
    html: safetyAlert(html(rule.replaceAll('_', ' ')), `${html(text, 1_000)}\n${place}`),
    at: Date.now(),
  });
}
