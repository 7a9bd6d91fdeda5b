import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { migrateDatabase } from '../../workers/test/database.ts';
import { modelSays } from '../../workers/test/model.ts';
import { Outside, until } from '../../workers/test/outside.ts';
import { sqlOf } from '../shared/sql.ts';
import { runStub } from '../stubs.ts';
import { fixResult, fixSpec, judgement, judgeSpec, toldBy } from '../test/specs.ts';
import { memberOf, runRequestOf } from './run-request.ts';
import { RunStore } from './run-store.ts';

beforeAll(migrateDatabase);
let outside: Outside;
beforeEach(() => {
  outside = new Outside();
});

const said = (id: string) => ({ id, from: 'operator', text: `text of ${id}`, at: 5 });
const started = { type: 'started' as const, data: { image: 'i', imageDigest: 'sha256:d', container: 'c' } };
const given = (message: string) => ({ type: 'message_given' as const, data: { message } });
const ended = (reason: 'completed' | 'handed_off') => ({
  type: 'ended' as const,
  data: { reason, detail: '', turns: 4, durationMs: 9, transcript: null },
});

let count = 0;
/** A heavy run that holds a lease with fence 3 and has not begun, without its object around it. */
async function withRun(check: (store: RunStore, run: string) => void) {
  count += 1;
  await runInDurableObject(env.RUN.getByName(`messages-${count}`), async (_, state) => {
    const store = new RunStore(sqlOf(state.storage), () => {});
    const spec = fixSpec();
    store.create(spec, 'claude-opus-5-5', 1);
    store.leased({ fence: 3, runner: 'runner-1' }, 1_000, 2);
    check(store, spec.run);
    await state.storage.deleteAlarm();
  });
}
const sent = (store: RunStore): string[] =>
  store.outbox.items().flatMap(({ key, kind }) => (kind === 'message' || kind === 'seen' ? [key] : []));

describe('a message for a heavy run', () => {
  test('that comes before its session has begun is sent once it has', () =>
    withRun((store, run) => {
      expect(store.steer(said('a'), 5)).toBe('accepted');
      expect(store.steer(said('a'), 5)).toBe('accepted');
      expect(sent(store)).toEqual([]);
      store.receive(toldBy(run, 3, [started]), 6);
      expect(sent(store)).toEqual(['message:a:3']);
      expect(store.steer(said('b'), 7)).toBe('accepted');
      expect(sent(store)).toEqual(['message:a:3', 'message:b:3']);
    }));

  test('counts as read when the runner says that the model was given it, before its incident hears of the end', () =>
    withRun((store, run) => {
      store.steer(said('a'), 5);
      const result = { type: 'result' as const, data: { value: fixResult } };
      store.receive(toldBy(run, 3, [started, given('a'), result, ended('completed')]), 6);
      const lane = store.outbox.items().filter((item) => item.lane === 'incident');
      expect(lane.map(({ key }) => key)).toEqual(['incident:started:3', 'seen:a', 'incident:ended']);
      expect(store.steer(said('a'), 9)).toBe('accepted');
      expect(store.steer(said('late'), 9)).toBe('ended');
    }));

  test('after its result is too late', () =>
    withRun((store, run) => {
      store.receive(toldBy(run, 3, [started, { type: 'result', data: { value: fixResult } }]), 6);
      expect(store.steer(said('a'), 9)).toBe('ended');
    }));

  test('is in the prompt of the session that goes on from a hand-off, read or not', () =>
    withRun((store, run) => {
      store.steer(said('read'), 5);
      const handOff = {
        objective: 'o',
        done: [],
        remaining: [],
        decisions: [],
        files: [],
        blockers: [],
      };
      const checkpoint = {
        type: 'checkpoint' as const,
        data: { handOff, bundle: null, head: 'a'.repeat(40), uncommitted: null },
      };
      store.receive(toldBy(run, 3, [started, given('read'), checkpoint]), 6);
      store.steer(said('unread'), 7);
      store.receive(toldBy(run, 3, [started, given('read'), checkpoint, ended('handed_off')]), 8);
      store.leased({ fence: 4, runner: 'runner-1' }, 1_000, 9);
      store.steer(said('later'), 10);
      const { record } = store;
      const member = memberOf('cody');
      if (record === null || member === null) throw new Error('there is a record and a Cody');
      const inPrompt = store.messages.all().filter(({ promptFence }) => promptFence === record.fence);
      const { prompt } = runRequestOf(record.spec, member, record, inPrompt);
      expect(prompt).toMatch(/session 2[\s\S]*text of read[\s\S]*text of unread/);
      expect(prompt).not.toContain('text of later');
      store.receive(toldBy(run, 4, [started]), 11);
      expect(sent(store)).toEqual([
        'message:read:3',
        'seen:read',
        'message:unread:3',
        'seen:unread',
        'message:later:4',
      ]);
    }));

  test('has a bound; what is beyond it is left to the group', () =>
    withRun((store) => {
      const answers = Array.from({ length: 21 }, (_, n) => store.steer(said(`m${n}`), 5));
      expect(answers.filter((answer) => answer === 'ended')).toHaveLength(1);
    }));
});

describe('a message for a light run', () => {
  const asked: { messages: { role: string; content: unknown }[] }[] = [];

  test('goes with the next model call, also when the model meant to have finished', async () => {
    const spec = judgeSpec();
    const stub = runStub(env, spec.run);
    const thinking = Promise.withResolvers<void>();
    outside.on(async ({ url, body }) => {
      if (url.pathname !== '/v1/messages') return undefined;
      asked.push(structuredClone(body) as (typeof asked)[number]);
      if (asked.length === 1) await thinking.promise;
      return modelSays(judgement);
    });
    expect(await stub.steer(said('early'))).toBe('not_started');
    await stub.start(spec);
    await until(async () => asked.length === 1);
    expect(await stub.steer(said('m'))).toBe('accepted');
    thinking.resolve();
    const view = await until(async () => {
      const seen = (await stub.view()) as {
        status: string;
        messages: { id: string; seenAt: number | null }[];
      };
      return seen.status === 'ended' && seen;
    });
    expect(view.messages).toMatchObject([{ id: 'm', seenAt: expect.any(Number) }]);
    expect(asked).toHaveLength(2);
    expect(asked[1]?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    expect(JSON.stringify(asked[1]?.messages.at(-1))).toContain('text of m');
    expect(await stub.steer(said('late'))).toBe('ended');
  });
});
