import { derivedId } from '../../core/contracts/ids.ts';
import type { Intent } from '../../core/contracts/intents.ts';
import { DEFAULT_PRIORITY } from '../../core/contracts/priority.ts';
import type { RunnerEvent } from '../../core/contracts/run.ts';
import { adminRequestKey } from '../../core/loops/admin-request/key.ts';
import type { RunSpec } from '../../core/loops/effects.ts';
import type { LoopEvent } from '../../core/loops/index.ts';
import { html } from '../../core/text/plain.ts';
import { type SessionMessage, sessionMessagesText } from '../../core/text/session-message.ts';
import { tokensIn } from '../../core/text/tokens.ts';
import { runnerClient } from '../../workers/adapters/runner.ts';
import { type Env, runnerUrls, SettingError, telegramChats } from '../../workers/env.ts';
import type { RunRpc, SteerAnswer } from '../rpc.ts';
import { sha256Bytes } from '../shared/journal.ts';
import { KeptObject } from '../shared/kept-object.ts';
import type { OutboxItem } from '../shared/outbox.ts';
import { sqlOf } from '../shared/sql.ts';
import { Upkeep } from '../shared/upkeep.ts';
import { groupQueueStub, incidentStub, runPoolStub, telegramStub } from '../stubs.ts';
import { BUDGET_SPENT, type LightDeps, runLight } from './run-light.ts';
import { holdsLease, type RunEnd, type RunRecord } from './run-record.ts';
import { budgetMicroUsd, type Member, memberOf, runRequestOf } from './run-request.ts';
import type { Lease } from './run-sessions.ts';
import { RunStore } from './run-store.ts';

/** A light run is looked after this often; one whose isolate died is begun again then. */
const LIGHT_WATCH_MS = 30_000;
const MAX_LIGHT_TRIES = 3;
/** Whoever stops everything waits for the answer: ten seconds at most, all in all. */
const HALT_TIMEOUT_MS = 5_000;
const STOPPED = 'everything was stopped by the operator';

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

/** One agent session: light in this object, heavy on a runner. */
export class Run extends KeptObject implements RunRpc {
  readonly #store: RunStore;
  protected override readonly upkeep: Upkeep<void>;
  #light: AbortController | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new RunStore(sqlOf(ctx.storage), () => this.upkeep.arm());
    this.upkeep = new Upkeep({
      ctx,
      env,
      objectType: 'run',
      store: this.#store,
      perform: (item) => this.#perform(item),
      succeeded: ({ key }) => this.#store.done(key),
      failed: ({ key, kind }, failure) => {
        const isDead = this.#store.fail(key, failure);
        // A runner that could not be reached may have begun it all the same: the lease has to run out first.
        const mayRun = kind === 'start' && failure.retryable;
        if (isDead && (kind === 'lease' || kind === 'start') && !mayRun)
          this.#end({ ok: false, reason: 'start_failed', detail: failure.error }, true);
      },
      nextTimerAt: () => this.#nextTimerAt(),
      onTimers: (nowMs) => this.#onTimers(nowMs),
    });
    this.upkeep.revive();
  }

  async start(spec: RunSpec, rerun: RunRecord['rerun'] = null): Promise<void> {
    const member = memberOf(spec.group);
    const budget =
      member === null
        ? null
        : Math.min(budgetMicroUsd(member.agent), spec.budgetMicroUsd ?? Number.POSITIVE_INFINITY);
    if (this.#store.create(spec, member?.model ?? '', Date.now(), budget, rerun)) {
      if (member === null)
        this.#end({ ok: false, reason: 'start_failed', detail: `the crew has no ${spec.group}` }, false);
      else if (spec.kind === 'heavy') this.#refuseWithoutRunner();
    }
    this.upkeep.start();
  }

  async granted(lease: Lease): Promise<void> {
    this.#onLease(lease);
    this.upkeep.start();
  }

  async receive(events: RunnerEvent[], runner: string): Promise<{ acknowledged: number; refused: boolean }> {
    const own = events.filter(({ fence }) => this.#store.wasLeasedTo(runner, fence));
    const acknowledged = this.#store.receive(own, Date.now());
    this.upkeep.start();
    const last = events.at(-1);
    const isLastOwn = last === undefined || own.includes(last);
    return { acknowledged: isLastOwn ? acknowledged : last.seq, refused: own.length < events.length };
  }

  async steer(message: SessionMessage): Promise<SteerAnswer> {
    return this.upkeep.startAfter(this.#store.steer(message, Date.now()));
  }

  async cancel(reason: string): Promise<void> {
    this.#light?.abort();
    this.#end({ ok: false, reason: 'canceled', detail: reason }, true);
    this.upkeep.start();
  }

  async halt(fence: number): Promise<'ended' | 'unreachable' | 'not_running'> {
    const { record } = this.#store;
    if (record === null || record.fence !== fence || !holdsLease(record)) return 'not_running';
    if (record.spec.kind === 'light') {
      const light = this.#light;
      this.#light = null;
      light?.abort();
      this.#store.stopped(Date.now());
      this.upkeep.start();
      return 'ended';
    }
    const isAsked = this.#store.halt(Date.now()) === 'asked';
    this.upkeep.start();
    if (!isAsked || record.runner === null) return 'not_running';
    const { run } = record.spec;
    try {
      const client = runnerClient(this.env);
      const isKnown = await client.cancelRun(record.runner, run, fence, STOPPED, HALT_TIMEOUT_MS);
      return isKnown ? 'ended' : 'not_running';
    } catch (error) {
      console.error('halt', run, String(error));
      return 'unreachable';
    }
  }

  async endForBudget(detail: string): Promise<void> {
    const { record } = this.#store;
    if (record === null || !holdsLease(record)) return;
    this.#light?.abort();
    this.#end({ ok: false, reason: 'budget', detail }, true);
    this.upkeep.start();
  }

  async view(): Promise<unknown> {
    const { record } = this.#store;
    if (record === null) return null;
    const { ledger, messages } = this.#store;
    return { ...record, events: ledger.events(), intents: ledger.intents(), messages: messages.all() };
  }

  async intent(id: string): Promise<Intent | null> {
    return this.#store.intent(id);
  }

  async runner(): Promise<string | null> {
    return this.#store.record?.runner ?? null;
  }

  async runners(): Promise<string[]> {
    return this.#store.runners();
  }

  async lend(runner: string): Promise<void> {
    this.#store.lend(runner);
  }

  async incident(): Promise<string | null> {
    return this.#store.record?.spec.incident ?? null;
  }

  async mayRead(sha256: string): Promise<boolean> {
    return this.#store.mayRead(sha256);
  }

  async retryEffect(key: string): Promise<boolean> {
    return this.upkeep.startAfter(this.#store.retry(key, Date.now()));
  }

  /** Also how the pool says that a lease was lost: the run asks for itself. */
  override async poke(): Promise<void> {
    this.#store.checkLease(Date.now());
    await super.poke();
  }

  async #perform(item: OutboxItem): Promise<void> {
    switch (item.kind) {
      case 'lease':
        return this.#askForLease();
      case 'start':
        return this.#startOnRunner();
      case 'incident':
        return this.#tellIncident(item);
      case 'file_request':
        return this.#fileRequest(item);
      case 'message':
        return this.#sendMessage(item);
      case 'seen': {
        const { message, at } = JSON.parse(item.body) as { message: string; at: number };
        const { group, run } = this.#spec();
        return groupQueueStub(this.env, group).seen(message, run, at);
      }
      case 'place': {
        const { group, run } = this.#spec();
        return groupQueueStub(this.env, group).waitsForSlot(run, Number(item.body), Date.now());
      }
      case 'check_lease':
        return this.#checkLease();
      case 'alert':
        return this.#tellOperator(item);
      case 'back_off': {
        const { until } = JSON.parse(item.body) as { until: number };
        return runPoolStub(this.env).backOff(this.#spec().group, until, this.#spec().run);
      }
      case 'release': {
        const { fence } = JSON.parse(item.body) as { fence: number | null };
        return runPoolStub(this.env).release(this.#spec().run, fence, this.#spent());
      }
      case 'spent':
        return runPoolStub(this.env).spent(this.#spec().run, this.#spent());
      case 'cancel': {
        const { runner, fence, reason } = JSON.parse(item.body) as {
          runner: string;
          fence: number;
          reason: string;
        };
        await runnerClient(this.env).cancelRun(runner, this.#spec().run, fence, reason);
        return;
      }
      default:
        throw new Error(`a run has no effect ${item.kind}`);
    }
  }

  async #askForLease(): Promise<void> {
    const { run, group, kind, priority = DEFAULT_PRIORITY, forPerson = false } = this.#spec();
    const { record } = this.#store;
    if (record === null || record.status === 'ended') return;
    const budget = record.budgetMicroUsd ?? budgetMicroUsd(this.#member().agent);
    const answer = await runPoolStub(this.env).lease({
      run,
      group,
      kind,
      budgetMicroUsd: Math.max(1, budget - record.costMicroUsd),
      priority,
      forPerson,
      at: Date.now(),
    });
    if (answer.status === 'granted') this.#onLease(answer);
    else if (answer.status === 'queued') this.#store.queued(answer.position, Date.now());
    else {
      this.#end({ ok: false, reason: 'budget_refused', detail: answer.reason }, false);
    }
  }

  #onLease({ fence, runner }: Lease): void {
    const { record } = this.#store;
    if (record === null) return;
    const lease = { fence, runner };
    const isNew = this.#store.leased(lease, this.#member().agent.limits.wallClockMs, Date.now());
    if (isNew && record.spec.kind === 'light') this.#beginLight();
  }

  async #startOnRunner(): Promise<void> {
    const { record } = this.#store;
    if (record?.status !== 'leased' || record.runner === null) return;
    if (record.haltedFence === record.fence) return;
    const said = this.#store.messages.all().filter(({ promptFence }) => promptFence === record.fence);
    const request = runRequestOf(await this.#resolvedSpec(), this.#member(), record, said);
    const answer = await runnerClient(this.env).startRun(record.runner, request);
    if (answer.status === 'full')
      throw new StartPostponed(`runner ${record.runner} is full`, answer.retryAfterMs ?? LIGHT_WATCH_MS);
    if (answer.status === 'stale_fence')
      this.#end({ ok: false, reason: 'lease_lost', detail: 'the runner knows a newer lease' }, false);
  }

  /** To the session that goes on under this lease; what it cannot take any more is in the prompt of the next. */
  async #sendMessage({ body }: OutboxItem): Promise<void> {
    const { message: id, fence } = JSON.parse(body) as { message: string; fence: number };
    const { record } = this.#store;
    const message = this.#store.messages.get(id);
    if (message === null || record?.status !== 'running' || record.fence !== fence || record.runner === null)
      return;
    const { from, text, at } = message;
    await runnerClient(this.env).sendMessage(record.runner, record.spec.run, { id, fence, from, text, at });
  }

  async #tellIncident({ body }: OutboxItem): Promise<void> {
    const { id, event } = JSON.parse(body) as { id: string; event: LoopEvent };
    await incidentStub(this.env, this.#spec().incident).receive({
      id,
      key: null,
      at: Date.now(),
      event,
      subjects: {},
    });
  }

  /** Row A7: what needs a person's yes is an incident of its own, which outlives this run. */
  async #fileRequest({ body: id }: OutboxItem): Promise<void> {
    const intent = this.#store.intent(id);
    if (intent === null || intent.body.kind === 'push_fix') return;
    const { group, incident } = this.#spec();
    const key = adminRequestKey(id);
    await incidentStub(this.env, derivedId('inc', sha256Bytes(key))).receive({
      id: derivedId('evt', sha256Bytes(`filed:${id}`)),
      key,
      at: Date.now(),
      event: { type: 'request_filed', data: { intent: { ...intent, body: intent.body }, group, incident } },
      subjects: {},
    });
  }

  /** A lease that revived meanwhile is as good as one that was never lost. */
  async #checkLease(): Promise<void> {
    const lease = await runPoolStub(this.env).leaseOf(this.#spec().run);
    const { record } = this.#store;
    if (record === null || (record.status !== 'leased' && record.status !== 'running')) return;
    if (lease === null || lease.fence !== record.fence) this.#store.loseLease(Date.now());
  }

  /** A safety alert (row B5): straight to the operator, whatever the loop is doing. */
  async #tellOperator({ key, body }: OutboxItem): Promise<void> {
    const operator = telegramChats(this.env).get('operator');
    if (!operator)
      throw new SettingError('OPERATOR_TELEGRAM_ID', 'is not set, so the operator cannot be told; set it');
    const { rule, text } = JSON.parse(body) as { rule: string; text: string };
    const { run, group, incident } = this.#spec();
    await telegramStub(this.env).send({
      key: `${run}:${key}`,
      ...operator,
      html: `⚠️ <b>Safety alert</b> (${html(rule.replaceAll('_', ' '))}): ${html(text, 1_000)}\n${html(group)}, run <code>${run}</code>, incident <code>${incident}</code>`,
      buttons: [],
      at: Date.now(),
    });
  }

  /** Runs beside everything else; nothing awaits it, and the alarm begins it again when it is lost. */
  #beginLight(): void {
    this.#store.beginTry(Date.now());
    const { record } = this.#store;
    if (record === null) return;
    const controller = new AbortController();
    this.#light = controller;
    const deps: LightDeps = {
      signal: controller.signal,
      onUsage: (usage) => {
        this.#store.addUsage(usage, Date.now());
        const { budgetMicroUsd: budget = null, costMicroUsd = 0 } = this.#store.record ?? {};
        // An answer that is there is kept; no further one is asked for.
        if (budget !== null && costMicroUsd >= budget) controller.abort(BUDGET_SPENT);
        this.upkeep.start();
      },
      onToolCall: (call) => this.#store.toolCalled(call, Date.now()),
      newMessages: this.#newMessages(),
      dispatch: (child) => this.#store.dispatch(child, Date.now()),
      leftMicroUsd: () => {
        const { budgetMicroUsd: budget = null, costMicroUsd = 0 } = this.#store.record ?? {};
        return budget === null ? null : budget - costMicroUsd;
      },
    };
    void this.#resolvedSpec()
      .then((spec) => runLight(this.env, { ...record, spec }, this.#member(), deps))
      .then((end) => {
        if (this.#light === controller) this.#end(end, false);
      })
      .catch((error) => console.error('light run', error))
      .finally(() => {
        if (this.#light === controller) this.#light = null;
        this.upkeep.wake();
      });
  }

  /** Each message once in this try of a light run. */
  #newMessages(): LightDeps['newMessages'] {
    let taken = 0;
    return () => {
      const said = this.#store.messages.all().slice(taken);
      taken += said.length;
      if (said.length === 0) return null;
      const ids = said.map(({ id }) => id);
      return { text: sessionMessagesText(said), given: () => this.#store.given(ids, Date.now()) };
    };
  }

  #nextTimerAt(): number | null {
    const { record } = this.#store;
    if (record === null || record.status === 'ended') return null;
    if (record.spec.kind === 'light' && holdsLease(record)) {
      if (this.#light === null) return 0;
      // Rounded, so that the alarm is not moved by every small change.
      return Math.ceil((Date.now() + LIGHT_WATCH_MS) / LIGHT_WATCH_MS) * LIGHT_WATCH_MS;
    }
    return record.deadlineAt;
  }

  #onTimers(nowMs: number): void {
    const { record } = this.#store;
    if (record === null || record.status === 'ended') return;
    if (record.deadlineAt !== null && record.deadlineAt <= nowMs) {
      this.#light?.abort();
      this.#end({ ok: false, reason: 'timeout', detail: 'no end was reported in time' }, true);
    } else if (record.spec.kind === 'light' && holdsLease(record) && this.#light === null) {
      if (record.tries < MAX_LIGHT_TRIES) this.#beginLight();
      else this.#end({ ok: false, reason: 'crashed', detail: `lost ${record.tries} times` }, false);
    }
  }

  #refuseWithoutRunner(): void {
    try {
      runnerUrls(this.env);
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      this.#end({ ok: false, reason: 'no_runner', detail: error.message }, false);
    }
  }

  #end(end: RunEnd, cancel: boolean): void {
    this.#store.end(end, Date.now(), cancel);
  }

  /** With the texts in the prompt: they are fetched when they are used, and not kept here. */
  async #resolvedSpec(): Promise<RunSpec> {
    const spec = this.#spec();
    if (tokensIn(spec.prompt).length === 0) return spec;
    return { ...spec, prompt: await incidentStub(this.env, spec.incident).resolveText(spec.prompt) };
  }

  #spent(): Record<string, number> {
    return this.#store.record?.spentByDay ?? {};
  }

  #spec(): RunSpec {
    const { record } = this.#store;
    if (record === null) throw new Error('this run was never started');
    return record.spec;
  }

  #member(): Member {
    const member = memberOf(this.#spec().group);
    if (member === null) throw new Error(`the crew has no ${this.#spec().group}`);
    return member;
  }
}
