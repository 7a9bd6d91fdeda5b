import { abortAllDurableObjects, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { derivedId } from '../../core/contracts/ids.ts';
import type { Judgement } from '../../core/contracts/results.ts';
import type { BuildFacts, Evidence, PipelineEvent } from '../../core/loops/pipeline-recovery/events.ts';
import { incidentKey } from '../../core/loops/pipeline-recovery/key.ts';
import { buildFacts } from '../../core/loops/pipeline-recovery/test/world.ts';
import { sha256Of } from '../../workers/artifacts.ts';
import { migrateDatabase } from '../../workers/test/database.ts';
import { modelSays } from '../../workers/test/model.ts';
import { Outside, until } from '../../workers/test/outside.ts';
import { telegramTakesAll } from '../../workers/test/telegram.ts';
import { sha256Bytes } from '../shared/journal.ts';
import { groupQueueStub, incidentStub, runPoolStub } from '../stubs.ts';
import { judgement } from '../test/specs.ts';

let outside: Outside;
beforeAll(migrateDatabase);

/** Azure DevOps is down (so that tests say themselves what the evidence is), Telegram takes everything. */
beforeEach(() => {
  outside = new Outside();
  outside.on(({ url }) =>
    url.host === 'azure-devops.test'
      ? new Response('', { status: 503, headers: { 'retry-after': '120' } })
      : undefined,
  );
  telegramTakesAll(outside);
});

const modelAnswers = (result: Judgement) =>
  outside.on(({ url }) => (url.host === 'anthropic.test' ? modelSays(result) : undefined));

let builds = 0;

function newFailure(): { incident: string; key: string; facts: BuildFacts } {
  builds += 1;
  const facts = buildFacts(100 + builds, { ref: `refs/heads/branch-${builds}`, finishedAt: 1 });
  const key = incidentKey(facts);
  return { incident: derivedId('inc', sha256Bytes(key)), key, facts };
}

async function evidenceOf(facts: BuildFacts): Promise<Evidence> {
  const excerpt = new TextEncoder().encode('not ok 1 - rounds half up <b>\n');
  const sha256 = await sha256Of(excerpt);
  await env.ARTIFACTS.put(`artifacts/${sha256}`, excerpt);
  return {
    build: facts.build,
    stepPath: ['Build', 'Job', 'Test'],
    step: { name: 'Test', command: 'npm test', kind: 'test' },
    stepKey: 'Test',
    failureKey: 'f',
    failingTests: ['rounds half up'],
    issues: [],
    log: null,
    excerpt: { name: 'excerpt', sha256, sizeBytes: excerpt.length, contentType: 'text/plain' },
    otherFailedSteps: [],
    lastGreenCommit: null,
    changes: [],
  };
}

async function receive(incident: string, key: string | null, id: string, event: PipelineEvent) {
  return (await incidentStub(env, incident).receive({ id, key, at: Date.now(), event, subjects: {} })).status;
}

const statusIs = (incident: string, status: string) =>
  until(async () => {
    const view = await incidentStub(env, incident).view();
    return view?.status === status && view;
  }, 20_000);

const failed = (facts: BuildFacts): PipelineEvent => ({
  type: 'build_failed',
  data: { ...facts, result: 'failed' },
});

async function judged(result: Judgement) {
  modelAnswers(result);
  const { incident, key, facts } = newFailure();
  expect(await receive(incident, key, `evt-${facts.build}`, failed(facts))).toBe('applied');
  const evidence: PipelineEvent = { type: 'evidence_collected', data: await evidenceOf(facts) };
  await receive(incident, null, `evt-${facts.build}-evidence`, evidence);
  return { incident, key, facts };
}

describe('an incident', () => {
  test('goes from evidence to an explained end through queue, run and chats, and replays byte for byte', async () => {
    const { incident } = await judged({
      ...judgement,
      category: 'environment',
      rootCause: 'The disk is full.',
    });
    await statusIs(incident, 'explained');

    const told = await until(async () => {
      const all = outside
        .asked('POST', /sendMessage/)
        .map(({ body }) => body as { chat_id: number | string; text: string })
        .filter(({ chat_id }) => String(chat_id) === '4711');
      return all.length === 2 && all;
    });
    expect(told[0]?.text).toContain('Test');
    expect(told[1]?.text).toContain('The disk is full.');
    const ryan = outside
      .asked('POST', /sendMessage/)
      .filter(({ body }) => String((body as { chat_id: unknown }).chat_id) === '-1001');
    expect(ryan.length).toBeGreaterThan(0);

    expect(await incidentStub(env, incident).replay()).toMatchObject({ identical: true });
    const row = await until(() =>
      env.DB.prepare(`SELECT * FROM incidents WHERE id = ? AND status = 'explained'`).bind(incident).first(),
    );
    expect(row).toMatchObject({ episode: 1, loop: 'pipeline-recovery' });
    const view = await incidentStub(env, incident).view();
    const audit = await until(async () => {
      const { results } = await env.DB.prepare(
        'SELECT seq, prev, hash FROM audit WHERE chain = ? ORDER BY seq',
      )
        .bind(incident)
        .all();
      return results.length === view?.journal.length && results;
    });
    expect(audit).toEqual(view?.journal.map(({ seq, prev, hash }) => ({ seq, prev, hash })));
  });

  test('gives the prompt of a run the text that its journal only refers to', async () => {
    const { incident } = await judged({ ...judgement, category: 'environment' });
    await statusIs(incident, 'explained');
    const asked = outside.asked('POST', /messages/).map(({ body }) => JSON.stringify(body));
    expect(asked[0]).toContain('not ok 1 - rounds half up <b>');
    expect(JSON.stringify((await incidentStub(env, incident).view())?.journal)).not.toContain('not ok 1');
  });

  test('hands code faults to Cody by relay; where no runner is set up, the operator hears how to', async () => {
    const { incident } = await judged(judgement);
    const view = await statusIs(incident, 'escalated');
    expect(JSON.stringify(view.journal)).toContain('RUNNER_URLS');
    const { items } = await groupQueueStub(env, 'cody').messages(null, 50);
    expect(
      (items as { incident: string; from: string }[]).filter((item) => item.incident === incident),
    ).toMatchObject([{ from: 'ryan', turn: true, state: 'done' }]);
  });

  test('survives being torn down after each step', async () => {
    modelAnswers({ ...judgement, category: 'environment' });
    const { incident, key, facts } = newFailure();
    await receive(incident, key, 'a', failed(facts));
    await abortAllDurableObjects();
    await receive(incident, null, 'b', { type: 'evidence_collected', data: await evidenceOf(facts) });
    await abortAllDurableObjects();
    await incidentStub(env, incident).poke();
    await statusIs(incident, 'explained');
    expect(await receive(incident, key, 'a', failed(facts))).toBe('duplicate');
    expect((await incidentStub(env, incident).replay()).identical).toBe(true);
  });

  test('a dry run tells what would be done and leaves nothing behind', async () => {
    const { incident, facts } = newFailure();
    const { facts: decided, effects } = await incidentStub(env, incident).dryRun(failed(facts), 5);
    expect(decided.map(({ type }) => type)).toContain('episode_started');
    expect(effects).toMatchObject([{ kind: 'collect_evidence' }]);
    expect(await incidentStub(env, incident).view()).toBeNull();
  });

  test('a green build of a branch that never failed begins nothing', async () => {
    const { incident, key, facts } = newFailure();
    expect(await receive(incident, key, 'g', { type: 'build_succeeded', data: facts })).toBe('unknown');
    expect(await incidentStub(env, incident).view()).toBeNull();
  });
});

test('an effect that fails for good is a dead letter in D1, and can be brought back', async () => {
  const { incident, key, facts } = newFailure();
  outside.on(({ url }) =>
    url.host === 'azure-devops.test' ? new Response('{}', { status: 401 }) : undefined,
  );
  await receive(incident, key, `evt-${facts.build}`, failed(facts));
  const view = await until(async () => {
    const now = await incidentStub(env, incident).view();
    return now?.outbox.some(({ state }) => state === 'dead') && now;
  });
  expect(view.status).toBe('escalated');
  const letter = await until(() =>
    env.DB.prepare('SELECT * FROM dead_letters WHERE incident = ?').bind(incident).first<{ key: string }>(),
  );
  outside.on(({ url }) =>
    url.host === 'azure-devops.test' ? new Response('{}', { status: 503 }) : undefined,
  );
  expect(await incidentStub(env, incident).retryEffect(letter.key)).toBe(true);
  await until(() =>
    env.DB.prepare(`SELECT 1 FROM dead_letters WHERE incident = ? AND state = 'replayed'`)
      .bind(incident)
      .first(),
  );
});

test('a timer that waits for agents does not run out while everything is stopped', async () => {
  const { incident, key, facts } = newFailure();
  await receive(incident, key, `evt-${facts.build}`, failed(facts));
  await runPoolStub(env).stop('test', Date.now());
  const evidence: PipelineEvent = { type: 'evidence_collected', data: await evidenceOf(facts) };
  await receive(incident, null, `evt-${facts.build}-evidence`, evidence);
  const timerOf = async () => {
    const view = await incidentStub(env, incident).view();
    if (view === null) throw new Error('no incident');
    const { status, timer } = view.state as { status: string; timer: { name: string; dueAt: number } };
    return { status, ...timer };
  };
  const before = await timerOf();
  expect(before).toMatchObject({ status: 'investigating', name: 'judgement' });
  const now = vi.spyOn(Date, 'now').mockImplementation(() => before.dueAt + 1_000);
  try {
    const after = await until(async () => {
      await incidentStub(env, incident).poke();
      const seen = await timerOf();
      return seen.dueAt > before.dueAt && seen;
    }, Number.POSITIVE_INFINITY);
    expect(after).toMatchObject({ status: 'investigating', name: 'judgement' });
    const view = await incidentStub(env, incident).view();
    const fired = view?.journal.find(({ data }) => JSON.stringify(data).includes('stoppedMs'));
    expect(fired?.data).toMatchObject({ event: { data: { stoppedMs: expect.closeTo(3_600_000, -4) } } });
  } finally {
    now.mockRestore();
    await runPoolStub(env).resume('test', Date.now());
  }
});

test('a timer is a row in D1 and the alarm of its object', async () => {
  const { incident, key, facts } = newFailure();
  await receive(incident, key, `evt-${facts.build}`, failed(facts));
  const rows = await until(async () => {
    const { results } = await env.DB.prepare('SELECT * FROM timers WHERE object = ?')
      .bind(incident)
      .all<{ name: string; due_at: number }>();
    return results.length > 0 && results;
  });
  expect(rows).toMatchObject([{ object_type: 'incident', name: 'evidence' }]);
  await runInDurableObject(env.INCIDENT.getByName(incident), async (_, state) => {
    expect(await state.storage.getAlarm()).toBeGreaterThan(Date.now());
  });
});
