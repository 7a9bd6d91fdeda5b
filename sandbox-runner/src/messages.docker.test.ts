import { beforeEach, describe, expect, test } from 'vitest';
import { fakeMessagesApi, type SeenRequest } from './gateway/testing/fake-messages-api.ts';
import { bash, MODEL, report } from './testing/agent-turns.ts';
import { openRunnerStage, type RunnerStage, until } from './testing/runner-process.ts';

let stage: RunnerStage;
beforeEach(async () => {
  stage = await openRunnerStage(`messages-${process.pid}`);
  return () => stage.close();
});

/** The main model's requests in whose newest message of the user the words stand: where the model first reads them. */
const readIn = (seen: readonly SeenRequest[], words: string): SeenRequest[] =>
  seen.filter(({ body }) => {
    const lastReply = body.messages.findLastIndex(({ role }) => role === 'assistant');
    return JSON.stringify(body.messages.slice(lastReply + 1)).includes(words);
  });
const given = (run: string): string[] =>
  stage.worker.events.flatMap((event) =>
    event.run === run && event.type === 'message_given' ? [event.data.message] : [],
  );

describe('a message for a living container', () => {
  test('stands in the next model request, once, as an order; its report waits until it was read', async () => {
    const api = await fakeMessagesApi(
      [
        bash('echo first; sleep 3'),
        bash('echo second'),
        { ...report, afterMs: 2_000 },
        report,
        { say: 'done' },
      ],
      MODEL,
    );
    try {
      const runner = await stage.startRunner(api.url);
      const body = stage.request('steered');
      await stage.put(runner, body);
      await until(() => stage.typesOf(body.id).includes('tool'));
      expect((await stage.say(runner, body, 'msg_1', 'Leave config.ts alone')).status).toBe(202);
      await until(() => given(body.id).includes('msg_1'));
      const first = readIn(api.seen, 'Leave config.ts alone');
      expect(first).toHaveLength(1);
      expect(JSON.stringify(first[0]?.body.messages)).toMatch(
        /It is an order within your task[\s\S]*from=\\+"operator/,
      );

      await until(() => stage.outputs(body.id).includes('second'));
      await stage.say(runner, body, 'msg_2', 'And say so in the report');
      await stage.worker.waitFor('ended', body.id);
      expect(given(body.id)).toEqual(['msg_1', 'msg_2']);
      const told = stage.worker.events.filter((event) => event.run === body.id);
      const at = (type: string) => told.findLastIndex((event) => event.type === type);
      expect(at('message_given')).toBeLessThan(at('result'));
      expect(told.at(-1)).toMatchObject({ data: { reason: 'completed' } });
      expect(readIn(api.seen, 'And say so in the report')).toHaveLength(1);
      expect((await stage.say(runner, body, 'msg_3', 'too late')).status).toBe(410);
    } finally {
      await api.close();
    }
  });

  test('reaches a model that meant to have finished', async () => {
    const api = await fakeMessagesApi(
      [bash('echo first'), { say: 'I am done.', afterMs: 3_000 }, report, { say: 'done' }],
      MODEL,
    );
    try {
      const runner = await stage.startRunner(api.url);
      const body = stage.request('finished');
      await stage.put(runner, body);
      await until(() => stage.outputs(body.id).includes('first'));
      await stage.say(runner, body, 'msg_1', 'Not yet');
      await stage.worker.waitFor('ended', body.id);
      expect(readIn(api.seen, 'Not yet')).toHaveLength(1);
      expect(stage.typesOf(body.id)).toContain('result');
    } finally {
      await api.close();
    }
  });

  test('outlives the runner: the process that takes the container back hands it on', async () => {
    const api = await fakeMessagesApi(
      [bash('echo first'), bash('sleep 6; echo second'), report, { say: 'done' }],
      MODEL,
    );
    try {
      const runner = await stage.startRunner(api.url);
      const body = stage.request('kept');
      await stage.put(runner, body);
      await until(() => stage.typesOf(body.id).filter((type) => type === 'tool').length >= 3);
      expect((await stage.say(runner, body, 'msg_1', 'Leave config.ts alone')).status).toBe(202);
      runner.child.kill('SIGKILL');
      await new Promise((done) => runner.child.once('exit', done));
      await stage.startRunner(api.url);
      await stage.worker.waitFor('ended', body.id);
      expect(given(body.id)).toEqual(['msg_1']);
      expect(readIn(api.seen, 'Leave config.ts alone')).toHaveLength(1);
    } finally {
      await api.close();
    }
  });
});
