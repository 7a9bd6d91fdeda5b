import Anthropic from '@anthropic-ai/sdk';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judgementSchema } from '../../../core/contracts/results.ts';
import { type AnthropicTwin, createAnthropicTwin } from '../index.ts';

let twin: AnthropicTwin;
let client: Anthropic;
beforeAll(async () => {
  twin = await createAnthropicTwin();
  client = new Anthropic({ apiKey: 'any', baseURL: twin.url });
});
afterAll(() => twin.close());

const prompt = (log: string, more = ''): string => `# Judge a failed build

Repository: sample
Failed step: Test
Failed command: npm test
Failing tests: none recognised

Is the fault in the code, in the configuration or in the environment?

<untrusted source="failed-step-log" id="abc">
${log}
</untrusted id="abc">
<untrusted source="issues" id="abc">
${more || 'none'}
</untrusted id="abc">`;

const format = (): { type: 'json_schema'; schema: Record<string, unknown> } => {
  const { type, schema } = zodOutputFormat(judgementSchema);
  return { type, schema };
};

async function judge(text: string): Promise<ReturnType<typeof judgementSchema.parse>> {
  const reply = await client.messages.create({
    model: 'claude-sonnet-5-5',
    max_tokens: 4_000,
    messages: [{ role: 'user', content: text }],
    output_config: { format: format() },
  });
  const block = reply.content[0];
  return judgementSchema.parse(JSON.parse(block?.type === 'text' ? block.text : ''));
}

const cases: [string, string, string][] = [
  [
    'environment',
    'a full disk',
    'npm error code ENOSPC\nnpm error nospc ENOSPC: no space left on device, write',
  ],
  [
    'environment',
    'a refused connection',
    'GET http://127.0.0.1:9/health\nTypeError: fetch failed\n  [cause]: Error: connect ECONNREFUSED 127.0.0.1:9',
  ],
  [
    'environment',
    'a registry that fails',
    'npm error code E503\nnpm error 503 Service Unavailable - GET https://registry.example/left-pad',
  ],
  [
    'environment',
    'a name that does not resolve',
    'npm error code EAI_AGAIN\nnpm error getaddrinfo EAI_AGAIN registry.example',
  ],
  ['environment', 'an expired certificate', 'Error: certificate has expired\n  code: CERT_HAS_EXPIRED'],
  ['configuration', 'a missing tool', '/bin/sh: 1: jq: not found\n##[error]Bash exited with code 127.'],
  ['configuration', 'a missing script', 'npm error Missing script: "test:unit"'],
  ['configuration', 'a missing variable', 'Error: environment variable DEPLOY_REGION is not set'],
  [
    'code',
    'a failed assertion',
    '✔ retries on ECONNREFUSED (1ms)\n✖ adds (2ms)\n  AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:\n  1 !== 2',
  ],
  ['code', 'a type error', "src/a.ts(3,5): error TS2322: Type 'string' is not assignable to type 'number'."],
  [
    'code',
    'a lint error',
    'src/a.ts:3:5 lint/suspicious/noDoubleEquals\n  × Using == may be unsafe.\nFound 1 error.',
  ],
];

describe('the judgement', () => {
  for (const [category, what, log] of cases) {
    it(`calls ${what} a matter of ${category}`, async () => {
      const judged = await judge(prompt(`> sample@1.0.0 test\n${log}`));
      expect(judged.category).toBe(category);
      const lines = `> sample@1.0.0 test\n${log}`.split('\n');
      for (const { claim, source } of judged.evidence) {
        expect(lines[Number(source.replace('log:', '')) - 1]?.trim()).toBe(claim);
      }
    });
  }

  it('counts lines beyond the gaps of an excerpt', async () => {
    const judged = await judge(
      prompt('start\n… 96 lines omitted (lines 2-97) …\n✖ adds\nAssertionError: 1 !== 2'),
    );
    expect(judged.evidence.map((one) => one.source)).toContain('log:99');
  });

  it('reads what the build system said when there is no log', async () => {
    const judged = await judge(
      prompt(
        'The step has no log.',
        'We stopped hearing from agent linux-7. It lost communication with the server.',
      ),
    );
    expect(judged).toMatchObject({ category: 'environment', evidence: [{ source: 'issues:1' }] });
  });

  it('reads the rest of the log, once, when the excerpt does not show the error', async () => {
    const text = prompt('> sample@1.0.0 test\n… 498 lines omitted (lines 2-499) …\nDone in 4 s.');
    const tools: Anthropic.Tool[] = [{ name: 'read_log', input_schema: { type: 'object', properties: {} } }];
    const ask = (messages: Anthropic.MessageParam[]) =>
      client.messages.create({
        model: 'claude-sonnet-5-5',
        max_tokens: 4_000,
        messages,
        tools,
        output_config: { format: format() },
      });
    const first = await ask([{ role: 'user', content: text }]);
    const use = first.content.find((block) => block.type === 'tool_use');
    expect(first.stop_reason).toBe('tool_use');
    expect(use?.input).toEqual({ fromLine: 200, toLine: 499 });
    const answer =
      'Lines 200-201 of 500.\n<untrusted source="failed-step-log" id="x">\n200: ok\n201: Error: connect ETIMEDOUT 10.0.0.5:5432\n</untrusted id="x">';
    const second = await ask([
      { role: 'user', content: text },
      { role: 'assistant', content: first.content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: use?.id ?? '', content: answer }] },
    ]);
    const block = second.content[0];
    const judged = judgementSchema.parse(JSON.parse(block?.type === 'text' ? block.text : ''));
    expect(judged).toMatchObject({ category: 'environment', evidence: [{ source: 'log:201' }] });
  });
});
