import { abortAllDurableObjects } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sha256Of } from '../../workers/artifacts.ts';
import { migrateDatabase } from '../../workers/test/database.ts';
import { Outside, until } from '../../workers/test/outside.ts';
import { runPoolStub, runStub } from '../stubs.ts';
import { judgement, judgeSpec, report } from '../test/specs.ts';
import type { RunRecord } from './run-record.ts';

interface Asked {
  model: string;
  max_tokens: number;
  system: { text: string; cache_control?: unknown }[];
  messages: { role: string; content: unknown }[];
  tools?: { name: string }[];
  tool_choice?: { type: string };
  output_config: { format: { type: string; schema: unknown } };
}

let outside: Outside;
beforeAll(migrateDatabase);
beforeEach(() => {
  outside = new Outside();
});

const usage = {
  input_tokens: 100,
  output_tokens: 10,
  cache_read_input_tokens: 5,
  cache_creation_input_tokens: 7,
};
let calls = 0;

function reply(content: unknown[], stopReason: string): Response {
  calls += 1;
  const body = { id: `msg_${calls}`, type: 'message', role: 'assistant', model: 'claude-sonnet-5-5' };
  return Response.json(
    { ...body, content, stop_reason: stopReason, stop_sequence: null, usage },
    { headers: { 'request-id': `req_${calls}` } },
  );
}

const says = (value: unknown) => reply([{ type: 'text', text: JSON.stringify(value) }], 'end_turn');

/** The model answers by these, in order; the last one repeats. */
function model(answers: ((asked: Asked) => Response | Promise<Response>)[]): Asked[] {
  const asked: Asked[] = [];
  outside.on(({ url, body }) => {
    if (url.pathname !== '/v1/messages') return undefined;
    asked.push(body as Asked);
    return answers[Math.min(asked.length, answers.length) - 1]?.(body as Asked);
  });
  return asked;
}

async function shortLog() {
  const sha256 = await sha256Of(new TextEncoder().encode('x'));
  await env.ARTIFACTS.put(`artifacts/${sha256}`, 'x');
  return { name: 'failed-step-log', sha256, sizeBytes: 1, contentType: 'text/plain' };
}

const ended = (run: string): Promise<RunRecord> =>
  until(async () => {
    const record = (await runStub(env, run).view()) as RunRecord | null;
    return record?.status === 'ended' && record;
  }, 20_000);

const costRows = (run: string) =>
  env.DB.prepare('SELECT * FROM costs WHERE run = ? ORDER BY request_id')
    .bind(run)
    .all<{ micro_usd: number }>();

describe('a light run', () => {
  test('asks under contract with its charter, and ends with a result, a cost row and its slot given back', async () => {
    const asked = model([() => says(judgement)]);
    const spec = judgeSpec();
    await runStub(env, spec.run).start(spec);
    const record = await ended(spec.run);
    expect(record).toMatchObject({ endReason: 'completed', model: 'claude-sonnet-5-5', tries: 1 });

    expect(asked[0]).toMatchObject({
      model: 'claude-sonnet-5-5',
      output_config: { format: { type: 'json_schema' } },
    });
    expect(asked[0]?.system[0]?.cache_control).toEqual({ type: 'ephemeral' });
    expect(asked[0]?.system[0]?.text).toContain('Ryan');
    expect(asked[0]?.tools).toBeUndefined();

    const rows = await until(async () => {
      const { results } = await costRows(spec.run);
      return results.length > 0 && results;
    });
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      agent_group: 'ryan',
      incident: spec.incident,
      input_tokens: 100,
      output_tokens: 10,
      cache_read_tokens: 5,
      cache_write_5m_tokens: 7,
      micro_usd: record.costMicroUsd,
      price_known: 1,
    });
    await until(async () => (await runPoolStub(env).leaseOf(spec.run)) === null);
  });

  test('reads the log with its tool, fenced as data', async () => {
    const log = Array.from({ length: 2_000 }, (_, n) => `line ${n + 1}`).join('\n');
    const bytes = new TextEncoder().encode(log);
    const sha256 = await sha256Of(bytes);
    await env.ARTIFACTS.put(`artifacts/${sha256}`, bytes);
    const read = {
      type: 'tool_use',
      id: 'toolu_1',
      name: 'read_log',
      input: { fromLine: 1_200, toLine: 9_000 },
    };
    const asked = model([() => reply([read], 'tool_use'), () => says(judgement)]);
    const artifact = { name: 'failed-step-log', sha256, sizeBytes: bytes.length, contentType: 'text/plain' };
    const spec = judgeSpec({ artifacts: [artifact] });
    await runStub(env, spec.run).start(spec);
    const record = await ended(spec.run);

    expect(record).toMatchObject({ endReason: 'completed', toolCalls: 1 });
    const told = JSON.stringify(asked[1]?.messages.at(-1));
    expect(told).toContain('Lines 1200-1599 of 2000.');
    expect(told).toContain('<untrusted source=');
    expect(told).toContain('1599: line 1599');
    expect(told).not.toContain('line 1600');
    expect(
      (await until(async () => (await costRows(spec.run)).results.length === 2 && costRows(spec.run)))
        .results,
    ).toHaveLength(2);
  });

  test('may use its tool six times, then must answer', async () => {
    const read = { type: 'tool_use', id: 'toolu_1', name: 'read_log', input: { fromLine: 1, toLine: 1 } };
    const asked = model([
      ({ tool_choice }) => (tool_choice?.type === 'none' ? says(judgement) : reply([read], 'tool_use')),
    ]);
    const spec = judgeSpec({ artifacts: [await shortLog()] });
    await runStub(env, spec.run).start(spec);
    expect(await ended(spec.run)).toMatchObject({ endReason: 'completed', toolCalls: 6 });
    expect(asked).toHaveLength(7);
  });

  test('an answer outside the contract is asked for once more, unchanged, and then given up visibly', async () => {
    const asked = model([() => says({ ...judgement, category: 'weather' })]);
    const spec = judgeSpec();
    await runStub(env, spec.run).start(spec);
    expect(await ended(spec.run)).toMatchObject({ endReason: 'invalid_result' });
    expect(asked).toHaveLength(2);
    expect(asked[1]).toEqual(asked[0]);
    const letter = await until(() =>
      env.DB.prepare('SELECT * FROM dead_letters WHERE object = ?').bind(spec.run).first<{ body: string }>(),
    );
    expect(letter).toMatchObject({ kind: 'invalid_result', incident: spec.incident });
    expect(letter.body).toContain('weather');
  });

  test('a model that never stops calling its tool is stopped', async () => {
    const read = { type: 'tool_use', id: 'toolu_1', name: 'read_log', input: { fromLine: 1, toLine: 1 } };
    const asked = model([() => reply([read], 'tool_use')]);
    const spec = judgeSpec({ artifacts: [await shortLog()] });
    await runStub(env, spec.run).start(spec);
    expect(await ended(spec.run)).toMatchObject({ endReason: 'invalid_result', toolCalls: 6 });
    expect(asked).toHaveLength(8);
  });

  test('asks no further once its budget is spent; an answer that came with the last of it stands', async () => {
    const reads = () => reply([{ type: 'tool_use', id: 't1', name: 'read_log', input: {} }], 'tool_use');
    // One call costs 319 micro-dollars.
    const asked = model([reads]);
    const spec = judgeSpec({ artifacts: [await shortLog()], budgetMicroUsd: 400 });
    await runStub(env, spec.run).start(spec);
    expect(await ended(spec.run)).toMatchObject({ endReason: 'budget', costMicroUsd: 638 });
    expect(asked).toHaveLength(2);
    model([reads, () => says(judgement)]);
    const other = judgeSpec({ artifacts: [await shortLog()], budgetMicroUsd: 400 });
    await runStub(env, other.run).start(other);
    expect(await ended(other.run)).toMatchObject({ endReason: 'completed' });
  });

  test('what is no message at all is the provider’s fault, and a wrong key is named', async () => {
    for (const [answer, said] of [
      [
        () => new Response('{"id":"msg_1", oops', { headers: { 'content-type': 'application/json' } }),
        'no message',
      ],
      [() => Response.json({ hello: 1 }), 'no message'],
      [
        () => Response.json({ error: { message: 'invalid x-api-key' } }, { status: 401 }),
        'ANTHROPIC_API_KEY',
      ],
    ] as const) {
      model([answer]);
      const spec = judgeSpec();
      await runStub(env, spec.run).start(spec);
      const record = await ended(spec.run);
      expect(record.endReason).toBe('provider');
      expect(JSON.stringify(record)).toContain(said);
    }
  });

  test('429 and 529 are waited out', async () => {
    const asked = model([
      () => Response.json({ type: 'error' }, { status: 429, headers: { 'retry-after': '1' } }),
      () => Response.json({ type: 'error' }, { status: 529, headers: { 'retry-after-ms': '10' } }),
      () => says(judgement),
    ]);
    const spec = judgeSpec();
    await runStub(env, spec.run).start(spec);
    expect(await ended(spec.run)).toMatchObject({ endReason: 'completed', tries: 1 });
    expect(asked).toHaveLength(3);
  });

  test('a refusal of the provider ends it with what the provider said', async () => {
    model([() => Response.json({ type: 'error', error: { message: 'credit is low' } }, { status: 400 })]);
    const spec = judgeSpec();
    await runStub(env, spec.run).start(spec);
    const record = await ended(spec.run);
    expect(record.endReason).toBe('provider');
    expect(record.endDetail).toContain('400');
  });

  test('is begun again when its isolate was lost, as the same run', async () => {
    const asked = model([() => new Promise<Response>(() => {}), () => says(judgement)]);
    const spec = judgeSpec();
    await runStub(env, spec.run).start(spec);
    await until(async () => asked.length === 1);
    await abortAllDurableObjects();
    await runStub(env, spec.run).poke();
    expect(await ended(spec.run)).toMatchObject({ endReason: 'completed', tries: 2 });
    expect(asked).toHaveLength(2);
  });

  test('starting it twice is starting it once', async () => {
    const asked = model([() => says(judgement)]);
    const spec = judgeSpec();
    await Promise.all([runStub(env, spec.run).start(spec), runStub(env, spec.run).start(spec)]);
    await ended(spec.run);
    await runStub(env, spec.run).start(spec);
    expect(asked).toHaveLength(1);
  });
});

describe('dispatch', () => {
  const teamSpec = (change = {}) => judgeSpec({ group: 'team', purpose: 'task', ...change });
  const wants = (...prompts: string[]) =>
    reply(
      prompts.map((prompt, n) => ({
        type: 'tool_use',
        id: `tool_${n}_${calls}`,
        name: 'dispatch',
        input: { group: 'sam', prompt, budgetUsd: 0.02 },
      })),
      'tool_use',
    );
  const answersOf = (asked: Asked | undefined) =>
    (asked?.messages.at(-1)?.content as { content: string; is_error?: boolean }[] | undefined) ?? [];

  test('starts another group’s task once, paid from its own budget; the ninth is refused', async () => {
    const names = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
    const asked = model([() => wants(...names, 'ONE!'), () => says(report)]);
    const spec = teamSpec();
    await runStub(env, spec.run).start(spec);
    const record = await ended(spec.run);
    const answers = answersOf(asked[1]).map(({ content }) => content);
    expect(answers[0]).toMatch(/^Dispatched to sam as inc_[0-9A-Z]{26}, with \$0\.02\.$/);
    expect(answers[4]).toContain('This was dispatch 5 of at most 8');
    expect(answers[8]).toContain('Refused (dispatch_limit)');
    expect(answers[9]).toBe(answers[0]);
    expect(record.budgetMicroUsd).toBe(2_000_000 - 8 * 20_000);
    const tasks = await until(async () => {
      const { results } = await env.DB.prepare(`SELECT id FROM incidents WHERE loop = 'task'`).all();
      return results.length === 8 && results;
    });
    expect(tasks).toHaveLength(8);
  });

  test('costs no more than the run has left, and a dispatched run cannot dispatch', async () => {
    const asked = model([
      () =>
        reply(
          [
            {
              type: 'tool_use',
              id: 't',
              name: 'dispatch',
              input: { group: 'cody', prompt: 'x', budgetUsd: 2 },
            },
          ],
          'tool_use',
        ),
      () => says(report),
    ]);
    const spec = teamSpec();
    await runStub(env, spec.run).start(spec);
    await ended(spec.run);
    expect(answersOf(asked[1])[0]?.content).toContain('Refused (dispatch_budget)');
    const before = asked.length;
    const child = teamSpec({ parent: spec.run });
    await runStub(env, child.run).start(child);
    await until(async () => asked.length > before);
    expect(asked[before]?.tools?.some(({ name }) => name === 'dispatch') ?? false).toBe(false);
  });
});
