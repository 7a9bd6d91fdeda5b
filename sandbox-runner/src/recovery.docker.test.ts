import { beforeEach, describe, expect, test } from 'vitest';
import { fakeMessagesApi } from './gateway/testing/fake-messages-api.ts';
import { bash, MODEL, report } from './testing/agent-turns.ts';
import { openRunnerStage, type RunnerStage, until } from './testing/runner-process.ts';

let stage: RunnerStage;
beforeEach(async () => {
  stage = await openRunnerStage(`recovery-${process.pid}`);
  return () => stage.close();
});

const handOff = {
  objective: 'Write b.txt.',
  done: ['a.txt'],
  remaining: ['b.txt'],
  decisions: [],
  files: ['a.txt'],
  blockers: [],
};
describe('kill -9 of the runner in mid-run', () => {
  test('the next process takes the container back: same container, same sequence, nothing told twice, a result', async () => {
    const api = await fakeMessagesApi(
      [bash('echo first'), bash('sleep 6; echo second'), bash('echo third'), report, { say: 'done' }],
      MODEL,
    );
    try {
      const first = await stage.startRunner(api.url);
      const body = stage.request('taken back');
      expect((await stage.put(first, body)).status).toBe(202);
      await until(() => stage.outputs(body.id).includes('first'));
      await until(() => stage.typesOf(body.id).filter((type) => type === 'tool').length >= 3);
      const [before] = await stage.containers();
      first.child.kill('SIGKILL');
      await new Promise((done) => first.child.once('exit', done));

      await stage.startRunner(api.url);
      await stage.worker.waitFor('ended', body.id);
      const told = stage.worker.events.filter((event) => event.run === body.id);
      expect(told.map(({ seq }) => seq)).toEqual(told.map((_, index) => index + 1));
      expect(stage.typesOf(body.id).filter((type) => type === 'started')).toHaveLength(1);
      expect(told.at(-1)).toMatchObject({ type: 'ended', data: { reason: 'completed' } });
      expect(stage.outputs(body.id)).toMatch(/first[\s\S]*second[\s\S]*third/);
      expect(told.find(({ type }) => type === 'started')).toMatchObject({
        data: { container: before?.Names[0]?.slice(1) },
      });
      await until(async () => (await stage.containers()).length === 0);
    } finally {
      await api.close();
    }
  });

  test('what did not live on is told interrupted; from its checkpoint a higher fence goes on, and the old one is stale', async () => {
    const api = await fakeMessagesApi(
      [
        bash('echo committed > a.txt && git commit -qam "First item" && echo loose > b.txt'),
        { call: 'mcp__dogwatch__checkpoint', input: handOff },
        bash('sleep 60'),
      ],
      MODEL,
    );
    const second = await fakeMessagesApi(
      [bash('git log -1 --format=%s; git status --short; cat a.txt b.txt'), report, { say: 'done' }],
      MODEL,
    );
    try {
      const first = await stage.startRunner(api.url);
      const body = stage.request('goes on');
      await stage.put(first, body);
      const kept = await stage.worker.waitFor('checkpoint', body.id);
      if (kept.type !== 'checkpoint') throw new Error('no checkpoint');
      expect(kept.data).toMatchObject({ handOff, uncommitted: expect.any(String) });
      first.child.kill('SIGKILL');
      await stage.removeContainers();

      const next = await stage.startRunner(second.url);
      expect(await stage.worker.waitFor('ended', body.id)).toMatchObject({ data: { reason: 'interrupted' } });
      const again = { ...body, fence: 2, checkpoint: kept.data };
      expect((await stage.put(next, again)).status).toBe(202);
      expect((await stage.put(next, body)).status).toBe(409);
      await until(() => stage.worker.events.some((event) => event.fence === 2 && event.type === 'ended'));
      expect(stage.outputs(body.id)).toMatch(/First item[\s\S]*\?\? b.txt[\s\S]*committed[\s\S]*loose/);
      expect(stage.worker.events.at(-1)).toMatchObject({ fence: 2, data: { reason: 'completed' } });
    } finally {
      await api.close();
      await second.close();
    }
  });
});

test('SIGTERM takes nothing new, keeps the work of a session that makes its next call, and is bounded', async () => {
  const api = await fakeMessagesApi(
    [...Array.from({ length: 40 }, (_, n) => bash(`echo ${n} >> b.txt; sleep 1`)), { say: 'done' }],
    MODEL,
  );
  try {
    const runner = await stage.startRunner(api.url);
    const { child } = runner;
    const body = stage.request('kept');
    await stage.put(runner, body);
    await until(() => stage.typesOf(body.id).filter((type) => type === 'tool').length >= 4);
    const startedAt = Date.now();
    child.kill('SIGTERM');
    await new Promise((done) => child.once('exit', done));
    expect(Date.now() - startedAt).toBeLessThan(20_000);
    expect(stage.typesOf(body.id)).toContain('checkpoint');
    expect(stage.worker.events.at(-1)).toMatchObject({ type: 'ended', data: { reason: 'interrupted' } });
    expect(await stage.containers()).toEqual([]);
  } finally {
    await api.close();
  }
});
