import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PipelineEvent } from '../../core/loops/pipeline-recovery/events.ts';
import { migrateDatabase } from '../../workers/test/database.ts';
import { Outside, until } from '../../workers/test/outside.ts';
import { sqlOf } from '../shared/sql.ts';
import { runStub } from '../stubs.ts';
import { fixResult, fixSpec, toldBy, usage } from '../test/specs.ts';
import type { RunRecord } from './run-record.ts';
import { RunStore } from './run-store.ts';

beforeAll(migrateDatabase);
beforeEach(() => void new Outside());

let count = 0;

/** A heavy run that holds a lease with fence 3, without its object around it. */
async function withRun(
  check: (store: RunStore, run: string, reopen: () => RunStore) => void | Promise<void>,
) {
  count += 1;
  await runInDurableObject(env.RUN.getByName(`heavy-${count}`), async (_, state) => {
    const open = () => new RunStore(sqlOf(state.storage), () => {});
    const store = open();
    const spec = fixSpec();
    store.create(spec, 'claude-opus-5-5', 1);
    store.leased({ fence: 3, runner: 'runner-1' }, 1_000, 2);
    await check(store, spec.run, open);
    await state.storage.deleteAlarm();
  });
}

const started = { type: 'started' as const, data: { image: 'i', imageDigest: 'sha256:d', container: 'c' } };
const ended = (reason: 'completed' | 'timeout' = 'completed') => ({
  type: 'ended' as const,
  data: { reason, detail: '', turns: 4, durationMs: 9, transcript: null },
});

const toIncident = (store: RunStore): PipelineEvent[] =>
  store.outbox
    .items()
    .filter(({ kind }) => kind === 'incident')
    .map(({ body }) => (JSON.parse(body) as { event: PipelineEvent }).event);

describe('events of a runner', () => {
  test('are taken once, in order, without gaps', () =>
    withRun((store, run) => {
      const events = toldBy(run, 3, [
        started,
        { type: 'said', data: { text: 'a' } },
        { type: 'usage', data: usage('r1') },
        { type: 'said', data: { text: 'b' } },
      ]);
      expect(store.receive(events.slice(0, 1), 10)).toBe(1);
      expect(store.receive(events.slice(2), 10)).toBe(1);
      expect(store.ledger.events()).toHaveLength(1);
      expect(store.receive([...events].reverse(), 10)).toBe(4);
      expect(store.receive(events, 10)).toBe(4);
      expect(store.ledger.events().map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    }));

  test('survive their instance', () =>
    withRun((store, run, reopen) => {
      const events = toldBy(run, 3, [started, { type: 'said', data: { text: 'a' } }]);
      store.receive(events.slice(0, 1), 10);
      expect(reopen().receive(events, 10)).toBe(2);
      expect(reopen().record).toMatchObject({ status: 'running', image: 'i' });
    }));

  test('tell the incident of start, intent and end, each once and in order', () =>
    withRun((store, run) => {
      const events = toldBy(run, 3, [
        started,
        { type: 'result', data: { value: fixResult } },
        { type: 'usage', data: usage('r1') },
        ended(),
      ]);
      store.receive(events, 10);
      store.receive(events, 11);
      expect(toIncident(store)).toMatchObject([
        { type: 'run_started', data: { run, fence: 3, model: 'claude-opus-5-5' } },
        { type: 'run_finished', data: { run, fence: 3, result: { outcome: 'fixed' } } },
      ]);
    }));

  test('commands on hosts are audited, whatever became of them', () =>
    withRun((store, run) => {
      const record = {
        host: 'staging',
        argv: ['sh'],
        command: null,
        class: 'unlisted' as const,
        reason: 'r',
        decision: 'refused' as const,
        code: 'unlisted' as const,
        exitCode: null,
        durationMs: 0,
        outputBytes: 0,
        log: null,
      };
      expect(store.receive(toldBy(run, 3, [started, { type: 'host_command', data: record }]), 10)).toBe(2);
      const rows = store.projections.next(100).filter(({ projection }) => projection.table === 'audit');
      expect(JSON.stringify(rows.at(-1))).toContain('host_command');
      expect(toIncident(store)).toHaveLength(1);
    }));

  test('a session that ends without a report, or with one outside the contract, has failed', () =>
    withRun((store, run) => {
      store.receive(
        toldBy(run, 3, [started, { type: 'result', data: { value: { kind: 'fix' } } }, ended()]),
        10,
      );
      expect(toIncident(store).at(-1)).toMatchObject({
        type: 'run_failed',
        data: { reason: 'invalid_result' },
      });
    }));

  test('a valid report stands, however the session ended after it', () =>
    withRun((store, run) => {
      store.receive(
        toldBy(run, 3, [started, { type: 'result', data: { value: fixResult } }, ended('timeout')]),
        10,
      );
      expect(toIncident(store).at(-1)).toMatchObject({ type: 'run_finished' });
    }));

  test('of an older lease are acknowledged and paid for, and decide nothing', () =>
    withRun((store, run) => {
      const events = toldBy(run, 2, [started, { type: 'usage', data: usage('old') }, ended()]);
      expect(store.receive(events, 10)).toBe(3);
      expect(store.record).toMatchObject({ status: 'leased', fence: 3 });
      expect(store.record?.costMicroUsd).toBeGreaterThan(0);
      expect(toIncident(store)).toEqual([]);
    }));

  test('a model call is counted once, by its request id', () =>
    withRun((store, run) => {
      store.receive(
        toldBy(run, 3, [
          { type: 'usage', data: usage('r1') },
          { type: 'usage', data: usage('r1') },
          { type: 'usage', data: usage('r2') },
        ]),
        10,
      );
      const rows = store.projections.next(100).filter(({ projection }) => projection.table === 'costs');
      expect(rows).toHaveLength(2);
      expect(store.record?.costMicroUsd).toBe(2 * (1_000 * 4 + 100 * 20));
    }));
});

describe('what a run leaves behind', () => {
  const rowsOf = (store: RunStore, table: string) =>
    store.projections
      .next(1_000)
      .map(({ projection }) => projection)
      .filter((projection) => projection.table === table)
      .map(({ row }) => row);

  test('its end says who, with what model, how many tool calls and what it cost', () =>
    withRun((store, run) => {
      const tool = { id: 't', name: 'Bash', input: 'ls', output: null, durationMs: null };
      store.receive(
        toldBy(run, 3, [
          started,
          { type: 'tool', data: { ...tool, phase: 'requested' } },
          { type: 'usage', data: usage('r1') },
          { type: 'result', data: { value: fixResult } },
          ended(),
        ]),
        10,
      );
      expect(rowsOf(store, 'audit').at(-1)).toMatchObject({
        action: 'run_ended',
        chain: run,
        actor: 'cody',
        agent: 'cody',
        model: 'claude-opus-5-5',
        toolCalls: 1,
        costMicroUsd: 6_000,
      });
    }));

  test('its transcript is a row with where it came from', () =>
    withRun((store, run) => {
      const transcript = {
        name: 'transcript',
        sha256: 'f'.repeat(64),
        sizeBytes: 9,
        contentType: 'text/plain',
      };
      const end = ended();
      store.receive(toldBy(run, 3, [started, { ...end, data: { ...end.data, transcript } }]), 10);
      const incident = store.record?.spec.incident;
      expect(rowsOf(store, 'artifacts')).toMatchObject([
        { name: 'transcript', kind: 'transcript', producedBy: run, run, incident, scope: incident },
      ]);
    }));
});

describe('the end', () => {
  test('gives the lease back with what was spent, and stops the runner when asked', () =>
    withRun((store) => {
      store.addUsage(usage('r1'), 4);
      store.end({ ok: false, reason: 'canceled', detail: 'not needed' }, 5, true);
      store.end({ ok: false, reason: 'timeout', detail: '' }, 6, true);
      const kinds = store.outbox.items().map(({ kind, body }) => [kind, body]);
      expect(kinds).toContainEqual(['release', JSON.stringify({ fence: null })]);
      expect(kinds.filter(([kind]) => kind === 'cancel')).toHaveLength(1);
      expect(toIncident(store)).toHaveLength(1);
    }));

  test('a lease that comes too late is given back', () =>
    withRun((store) => {
      store.end({ ok: false, reason: 'canceled', detail: '' }, 5, false);
      expect(store.leased({ fence: 4, runner: 'runner-1' }, 1, 6)).toBe(false);
      expect(store.outbox.get('release:4')).not.toBeNull();
    }));
});

test('without a runner the run fails and says what to set', async () => {
  const spec = fixSpec();
  const stub = env.RUN.getByName(spec.run);
  const run = runStub(env, spec.run);
  await run.start(spec);
  const record = (await run.view()) as RunRecord;
  expect(record).toMatchObject({ status: 'ended', endReason: 'no_runner' });
  expect(record.endDetail).toContain('RUNNER_URLS');
  const row = await until(() => env.DB.prepare('SELECT * FROM runs WHERE id = ?').bind(spec.run).first());
  expect(row).toMatchObject({ status: 'ended', end_reason: 'no_runner' });
  await runDurableObjectAlarm(stub);
});
