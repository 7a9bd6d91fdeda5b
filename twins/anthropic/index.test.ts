import Anthropic from '@anthropic-ai/sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AnthropicTwin, createAnthropicTwin } from './index.ts';

let twin: AnthropicTwin;
let client: Anthropic;
let nowMs: number;

beforeEach(async () => {
  nowMs = 1_000_000;
  twin = await createAnthropicTwin({ apiKey: 'right', now: () => nowMs });
  client = new Anthropic({ apiKey: 'right', baseURL: twin.url, maxRetries: 0 });
});
afterEach(() => twin.close());

const hello = {
  model: 'claude-haiku-5-5',
  max_tokens: 200,
  messages: [{ role: 'user' as const, content: 'Hello' }],
};
const long = 'The quick brown fox jumps over the lazy dog. '.repeat(300);

const raw = (body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${twin.url}/v1/messages`, {
    method: 'POST',
    headers: {
      'x-api-key': 'right',
      'anthropic-version': '2023-06-01',
      'content-type': 'application/json',
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

const askCached = (text: string, ttl: '5m' | '1h' = '5m'): Promise<Anthropic.Message> =>
  client.messages.create({
    ...hello,
    model: 'claude-sonnet-5-5',
    system: [{ type: 'text', text: long, cache_control: { type: 'ephemeral', ttl } }],
    messages: [{ role: 'user', content: text }],
  });

describe('the Messages API', () => {
  it('answers whole and streamed with the same content and usage', async () => {
    const whole = await client.messages.create(hello);
    const streamed = await client.messages.stream(hello).finalMessage();
    expect(streamed.content).toEqual(whole.content);
    expect(streamed.usage).toMatchObject(whole.usage);
    expect(whole.stop_reason).toBe('end_turn');
  });

  it('streams tool calls as partial JSON that the client puts together', async () => {
    const request = {
      model: 'claude-opus-5-5',
      max_tokens: 4_000,
      messages: [{ role: 'user' as const, content: 'Failed command: npm test' }],
      tools: ['Bash', 'Edit', 'mcp__dogwatch__submit_fix'].map((name) => ({
        name,
        input_schema: { type: 'object' as const },
      })),
    };
    const streamed = await client.messages.stream(request).finalMessage();
    const use = streamed.content.find((block) => block.type === 'tool_use');
    expect(streamed.stop_reason).toBe('tool_use');
    expect(use).toMatchObject({ name: 'Bash', input: { command: expect.stringContaining('git log') } });
  });

  it('sends the events in the order of the real stream', async () => {
    const text = await (await raw({ ...hello, stream: true })).text();
    const types = [...text.matchAll(/^event: (\w+)$/gm)].map((match) => match[1]);
    expect(types.slice(0, 3)).toEqual(['message_start', 'content_block_start', 'ping']);
    expect(types.slice(-3)).toEqual(['content_block_stop', 'message_delta', 'message_stop']);
  });

  it('fills an unknown schema with a value that satisfies it', async () => {
    const schema = {
      type: 'object',
      properties: {
        title: { type: 'string', maxLength: 12 },
        kind: { enum: ['a', 'b'] },
        tags: { type: 'array', minItems: 2, items: { $ref: '#/$defs/tag' } },
        score: { anyOf: [{ type: 'number', minimum: 1 }, { type: 'null' }] },
      },
      required: ['title', 'kind', 'tags', 'score'],
      additionalProperties: false,
      $defs: {
        tag: { type: 'object', properties: { name: { type: 'string', minLength: 1 } }, required: ['name'] },
      },
    };
    for (const body of [
      { output_config: { format: { type: 'json_schema', schema } } },
      { output_format: { type: 'json_schema', schema } },
    ]) {
      const reply = (await (await raw({ ...hello, ...body })).json()) as Anthropic.Message;
      const block = reply.content[0];
      const value = JSON.parse(block?.type === 'text' ? block.text : '') as Record<string, unknown>;
      expect(value).toEqual({
        title: 'Hello',
        kind: 'a',
        tags: [{ name: 'not stated' }, { name: 'not stated' }],
        score: null,
      });
    }
  });

  it('cuts a text at max_tokens and says so', async () => {
    const reply = await client.messages.create({ ...hello, max_tokens: 2 });
    expect(reply).toMatchObject({ stop_reason: 'max_tokens', usage: { output_tokens: 2 } });
  });

  it('counts tokens and lists models', async () => {
    const counted = await client.messages.countTokens({ model: hello.model, messages: hello.messages });
    expect(counted.input_tokens).toBe((await client.messages.create(hello)).usage.input_tokens);
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toContain('claude-opus-5-5');
    expect((await client.messages.create({ ...hello, model: 'claude-haiku-5-5-20260908' })).model).toBe(
      'claude-haiku-5-5-20260908',
    );
  });

  it('takes a system message in the middle of a conversation', async () => {
    const messages = [...hello.messages, { role: 'system', content: 'Today is Friday.' }];
    expect((await raw({ ...hello, messages })).status).toBe(200);
  });
});

describe('refusals', () => {
  it('says 401 to a wrong key and 404 to an unknown model', async () => {
    expect((await raw(hello, { 'x-api-key': 'wrong' })).status).toBe(401);
    await expect(client.messages.create({ ...hello, model: 'gpt-9' })).rejects.toBeInstanceOf(
      Anthropic.NotFoundError,
    );
  });

  const { max_tokens: _, ...withoutLimit } = hello;
  const use = { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: {} };
  const result = { type: 'tool_result', tool_use_id: 'toolu_2', content: 'x' };
  const malformed: [string, unknown][] = [
    ['a body that is no JSON', '{'],
    ['a missing max_tokens', withoutLimit],
    ['no messages', { ...hello, messages: [] }],
    ['an unknown role', { ...hello, messages: [{ role: 'robot', content: 'x' }] }],
    ['an empty text', { ...hello, messages: [{ role: 'user', content: '' }] }],
    ['a tool_result without its tool_use', { ...hello, messages: [{ role: 'user', content: [result] }] }],
    [
      'a tool_use without its result',
      { ...hello, messages: [...hello.messages, { role: 'assistant', content: [use] }, ...hello.messages] },
    ],
    [
      'too many cache breakpoints',
      {
        ...hello,
        system: Array.from({ length: 5 }, () => ({
          type: 'text',
          text: 'x',
          cache_control: { type: 'ephemeral' },
        })),
      },
    ],
  ];
  for (const [what, body] of malformed) {
    it(`says 400 invalid_request_error to ${what}`, async () => {
      const reply = await raw(body);
      expect(reply.status).toBe(400);
      expect(await reply.json()).toMatchObject({
        type: 'error',
        error: { type: 'invalid_request_error' },
        request_id: reply.headers.get('request-id'),
      });
    });
  }

  it('plays 429 with retry-after and 529 on demand, and counts no usage for them', async () => {
    const faults = [
      { path: '/v1/messages', status: 429, retryAfterSeconds: 1 },
      { path: '/v1/messages', status: 529 },
    ];
    await fetch(`${twin.url}/__twin/faults`, { method: 'POST', body: JSON.stringify(faults) });
    const limited = await raw(hello);
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '1']);
    expect(await limited.json()).toMatchObject({ error: { type: 'rate_limit_error' } });
    expect(await (await raw(hello)).json()).toMatchObject({ error: { type: 'overloaded_error' } });
    expect(twin.usageTotals().total.requests).toBe(0);
    expect((await raw(hello)).status).toBe(200);
  });
});

describe('usage', () => {
  it('writes a prefix once, reads it while it lives, and writes it again after five minutes', async () => {
    const first = (await askCached('One')).usage;
    expect(first).toMatchObject({
      cache_read_input_tokens: 0,
      cache_creation: { ephemeral_1h_input_tokens: 0 },
    });
    expect(first.cache_creation_input_tokens).toBeGreaterThan(1_024);
    nowMs += 4 * 60_000;
    const second = (await askCached('Two')).usage;
    expect(second).toMatchObject({
      cache_read_input_tokens: first.cache_creation_input_tokens,
      cache_creation_input_tokens: 0,
    });
    // The read at minute four has renewed it.
    nowMs += 4 * 60_000;
    expect((await askCached('Three')).usage.cache_read_input_tokens).toBe(first.cache_creation_input_tokens);
    nowMs += 6 * 60_000;
    expect((await askCached('Four')).usage.cache_read_input_tokens).toBe(0);
  });

  it('keeps an hour where asked, and counts it apart', async () => {
    const first = (await askCached('One', '1h')).usage;
    expect(first.cache_creation?.ephemeral_1h_input_tokens).toBe(first.cache_creation_input_tokens);
    nowMs += 50 * 60_000;
    expect((await askCached('Two', '1h')).usage.cache_read_input_tokens).toBe(
      first.cache_creation_input_tokens,
    );
  });

  it('does not cache what is too short', async () => {
    const reply = await client.messages.create({
      ...hello,
      system: [{ type: 'text', text: 'Short.', cache_control: { type: 'ephemeral' } }],
    });
    expect(reply.usage).toMatchObject({ cache_creation_input_tokens: 0, cache_read_input_tokens: 0 });
  });

  it('reads the longest prefix as a conversation grows and its breakpoint moves on', async () => {
    const turn = (text: string): Anthropic.MessageParam[] => [
      { role: 'user', content: long },
      { role: 'assistant', content: 'Yes.' },
      { role: 'user', content: [{ type: 'text', text, cache_control: { type: 'ephemeral' } }] },
    ];
    const first = (await client.messages.create({ ...hello, messages: turn('One') })).usage;
    const grown: Anthropic.MessageParam[] = [
      ...turn('One').slice(0, 2),
      { role: 'user', content: 'One' },
      { role: 'assistant', content: 'And?' },
      { role: 'user', content: [{ type: 'text', text: 'Two', cache_control: { type: 'ephemeral' } }] },
    ];
    const second = (await client.messages.create({ ...hello, messages: grown })).usage;
    expect(second.cache_read_input_tokens).toBe(first.cache_creation_input_tokens);
    expect(second.cache_creation_input_tokens).toBeGreaterThan(0);
  });

  it('sums what it served, by model, and logs each request with its usage and id', async () => {
    const replies = [await client.messages.create(hello), await askCached('One'), await askCached('Two')];
    const totals = (await (await fetch(`${twin.url}/__twin/usage`)).json()) as ReturnType<
      AnthropicTwin['usageTotals']
    >;
    const sum = (key: 'input_tokens' | 'output_tokens' | 'cache_read_input_tokens'): number =>
      replies.reduce((all, reply) => all + (reply.usage[key] ?? 0), 0);
    expect(totals.total).toMatchObject({
      requests: 3,
      input_tokens: sum('input_tokens'),
      output_tokens: sum('output_tokens'),
      cache_read_input_tokens: sum('cache_read_input_tokens'),
    });
    expect(Object.keys(totals.byModel).sort()).toEqual(['claude-haiku-5-5', 'claude-sonnet-5-5']);
    const { request_id: requestId } = await client.messages.create(hello).withResponse();
    expect(twin.requests().at(-1)?.notes?.requestId).toBe(requestId);
    expect(twin.requests()[0]?.notes).toMatchObject({
      model: 'claude-haiku-5-5',
      usage: { output_tokens: replies[0]?.usage.output_tokens },
    });
  });
});
