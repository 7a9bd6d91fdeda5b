import { beforeEach, expect, test } from 'vitest';
import { fakeMessagesApi } from './gateway/testing/fake-messages-api.ts';
import { bash, MODEL, report } from './testing/agent-turns.ts';
import { openRunnerStage, type RunnerStage, until } from './testing/runner-process.ts';

const RUNS = 15;
let stage: RunnerStage;
beforeEach(async () => {
  stage = await openRunnerStage(`capacity-${process.pid}`);
  return () => stage.close();
});

test('fifteen runs at once all finish, nothing of them is lost, and the sixteenth is refused until there is room', async () => {
  const api = await fakeMessagesApi(
    [bash('echo one > b.txt; sleep 5'), bash('git commit -qa -m two; cat b.txt'), report, { say: 'done' }],
    MODEL,
  );
  try {
    const runner = await stage.startRunner(api.url, { RUNNER_CAPACITY: String(RUNS) });
    const startedAt = performance.now();
    const requests = Array.from({ length: RUNS }, (_, n) =>
      stage.request(`run ${n}`, { timeoutMs: 280_000 }),
    );
    const answers = await Promise.all(requests.map((request) => stage.put(runner, request)));
    expect(answers.map(({ status }) => status)).toEqual(requests.map(() => 202));
    const extra = stage.request('one more');
    const refused = await stage.put(runner, extra);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '15']);
    expect(await refused.json()).toMatchObject({ detail: '0 of 15 free' });

    let together = 0;
    await until(async () => {
      together = Math.max(together, (await stage.containers()).length);
      return requests.every(({ id }) => stage.typesOf(id).includes('ended'));
    }, 280_000);
    console.log(
      `${RUNS} runs in ${Math.round(performance.now() - startedAt)} ms, ${together} containers at once`,
    );
    for (const { id } of requests) {
      const told = stage.worker.events.filter((event) => event.run === id);
      expect(told.map(({ seq }) => seq)).toEqual(told.map((_, index) => index + 1));
      expect(told.at(-1)).toMatchObject({ type: 'ended', data: { reason: 'completed' } });
      expect(told.filter(({ type }) => type === 'result')).toHaveLength(1);
      expect(told.filter(({ type }) => type === 'usage').length).toBeGreaterThanOrEqual(4);
    }
    expect(together).toBe(RUNS);
    expect((await stage.put(runner, extra)).status).toBe(202);
  } finally {
    await api.close();
  }
}, 300_000);
