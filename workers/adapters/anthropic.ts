import Anthropic from '@anthropic-ai/sdk';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { z } from 'zod';
import { type Usage, usageFromProvider } from '../../core/contracts/usage.ts';
import { parseRetryAfterMs } from './retry-after.ts';

type Message = Anthropic.Messages.Message;
type MessageParam = Anthropic.Messages.MessageParam;

/** The provider said no, or could not be reached (`status` null). */
export class AnthropicError extends Error {
  override name = 'AnthropicError';
  readonly status: number | null;
  readonly retryable: boolean;
  readonly retryAfterMs: number | null;

  constructor(message: string, status: number | null, retryAfterMs: number | null, cause: unknown) {
    super(message, { cause });
    this.status = status;
    this.retryAfterMs = retryAfterMs;
    this.retryable = status === null || status === 408 || status === 409 || status === 429 || status >= 500;
  }
}

/** A tool of a light run: reading only, performed here. */
export interface LightTool {
  name: string;
  description: string;
  inputSchema: Anthropic.Messages.Tool.InputSchema;
  /** Text for the model; a refusal is text as well, marked. */
  use(input: unknown): Promise<{ text: string; isError: boolean }>;
}

export interface LightRequest<Value> {
  apiKey: string;
  /** Null: the provider's own address. */
  baseUrl: string | null;
  model: string;
  /** System prompt; cached, because every run of a group begins with it. */
  charter: string;
  prompt: string;
  schema: z.ZodType<Value>;
  tools: LightTool[];
  maxToolCalls: number;
  maxOutputTokens: number;
  signal: AbortSignal;
  now(): number;
  /** Told of every model call that was billed, at once. */
  onUsage(usage: Usage): void;
  /** What was said to the run since this was last asked; null: nothing. `given` is called once a model has had it. */
  newMessages(): { text: string; given(): void } | null;
  onToolCall(call: { id: string; name: string; input: string; output: string; isError: boolean }): void;
}

export type LightAnswer<Value> = { ok: true; value: Value } | { ok: false; detail: string; value: unknown };

/** 429, 529 and 5xx are tried again by the SDK, which honours `retry-after`, for about half a minute. */
const MAX_RETRIES = 5;
const CALL_TIMEOUT_MS = 120_000;

/**
 * Asks a model for an answer under contract, with tools in between. An answer that does not fit is asked for
 * once more, with the very same request; then it is returned as it is. Throws `AnthropicError`.
 */
export async function askForResult<Value>(request: LightRequest<Value>): Promise<LightAnswer<Value>> {
  const client = new Anthropic({
    apiKey: request.apiKey,
    ...(request.baseUrl === null ? {} : { baseURL: request.baseUrl }),
    maxRetries: MAX_RETRIES,
    timeout: CALL_TIMEOUT_MS,
  });
  const messages: MessageParam[] = [{ role: 'user', content: request.prompt }];
  const onTheWay: (() => void)[] = [];
  const takeNew = (): boolean => {
    const said = request.newMessages();
    if (said === null) return false;
    say(messages, said.text);
    onTheWay.push(said.given);
    return true;
  };
  let toolCalls = 0;
  let retried = false;
  for (;;) {
    takeNew();
    const reply = await call(client, request, messages, toolCalls < request.maxToolCalls);
    for (const given of onTheWay.splice(0)) given();
    const uses = reply.content.filter((block) => block.type === 'tool_use');
    if (reply.stop_reason === 'tool_use' && uses.length > 0 && toolCalls < request.maxToolCalls) {
      toolCalls += uses.length;
      messages.push(
        { role: 'assistant', content: reply.content },
        { role: 'user', content: await Promise.all(uses.map((use) => performTool(request, use))) },
      );
      continue;
    }
    // An answer given without knowing what was said meanwhile is not the answer yet.
    const before = messages.length;
    messages.push({ role: 'assistant', content: reply.content });
    if (takeNew()) continue;
    messages.length = before;
    const answer = readAnswer(reply, request.schema);
    if (answer.ok || retried) return answer;
    retried = true;
  }
}

/** Adds a text to what the user says next. */
function say(messages: MessageParam[], text: string): void {
  const last = messages.at(-1);
  const block = { type: 'text' as const, text };
  if (last?.role !== 'user') messages.push({ role: 'user', content: [block] });
  else if (typeof last.content === 'string') last.content = [{ type: 'text', text: last.content }, block];
  else last.content.push(block);
}

async function call<Value>(
  client: Anthropic,
  request: LightRequest<Value>,
  messages: MessageParam[],
  mayUseTools: boolean,
): Promise<Message> {
  const { model, charter, schema, tools, maxOutputTokens, signal } = request;
  const { type, schema: jsonSchema } = zodOutputFormat(schema);
  try {
    const { data, request_id: requestId } = await client.messages
      .create(
        {
          model,
          max_tokens: maxOutputTokens,
          system: [{ type: 'text', text: charter, cache_control: { type: 'ephemeral' } }],
          messages,
          output_config: { format: { type, schema: jsonSchema } },
          ...(tools.length === 0
            ? {}
            : {
                tools: tools.map(({ name, description, inputSchema }) => ({
                  name,
                  description,
                  input_schema: inputSchema,
                })),
                tool_choice: { type: mayUseTools ? ('auto' as const) : ('none' as const) },
              }),
        },
        { signal },
      )
      .withResponse();
    z.object({ content: z.array(z.unknown()), usage: z.unknown() }).parse(data);
    request.onUsage(
      usageFromProvider(data.usage, {
        requestId: requestId ?? data.id,
        model: data.model,
        at: request.now(),
      }),
    );
    return data;
  } catch (error) {
    throw failureOf(error, request.now());
  }
}

async function performTool<Value>(
  { tools, onToolCall }: LightRequest<Value>,
  use: Anthropic.Messages.ToolUseBlock,
): Promise<Anthropic.Messages.ToolResultBlockParam> {
  const tool = tools.find(({ name }) => name === use.name);
  const { text, isError } = tool
    ? await tool.use(use.input)
    : { text: `There is no tool called ${use.name}.`, isError: true };
  onToolCall({ id: use.id, name: use.name, input: JSON.stringify(use.input), output: text, isError });
  return { type: 'tool_result', tool_use_id: use.id, content: text, is_error: isError };
}

function readAnswer<Value>(reply: Message, schema: z.ZodType<Value>): LightAnswer<Value> {
  const text = reply.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, detail: whyNoAnswer(reply.stop_reason), value: text };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const detail = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
  return { ok: false, detail: detail.slice(0, 1_000), value };
}

function whyNoAnswer(stopReason: Message['stop_reason']): string {
  switch (stopReason) {
    case 'refusal':
      return 'the model declined to answer';
    case 'max_tokens':
      return 'the answer was longer than allowed';
    case 'tool_use':
      return 'the model went on calling tools beyond their limit';
    default:
      return `the answer is not JSON (stop reason ${stopReason})`;
  }
}

function failureOf(error: unknown, nowMs: number): unknown {
  // The SDK passes on what it could not parse: the provider, or something between, answered no message.
  if (error instanceof SyntaxError || error instanceof z.ZodError)
    return new AnthropicError('the model provider answered something that is no message', null, null, error);
  if (!(error instanceof Anthropic.APIError)) return error;
  if (error.status === 401)
    return new AnthropicError(
      'the model provider did not accept the key; check ANTHROPIC_API_KEY',
      401,
      null,
      error,
    );
  const status = typeof error.status === 'number' ? error.status : null;
  const headers: unknown = error.headers;
  const retryAfter = headers instanceof Headers ? headers.get('retry-after') : null;
  return new AnthropicError(
    `the model provider answered ${status ?? 'nothing'}: ${error.message}`.slice(0, 500),
    status,
    parseRetryAfterMs(retryAfter, nowMs),
    error,
  );
}
