import type {
  CacheControl,
  ContentBlock,
  Json,
  JsonObject,
  Message,
  MessagesRequest,
  Tool,
} from '../wire/messages.ts';
import { isObject } from '../wire/messages.ts';
import { invalid } from './errors.ts';

const maxBreakpoints = 4;
const roles = ['user', 'assistant', 'system'];

/**
 * Checks a `/v1/messages` body as the API does. Throws `ApiError` 400 with the path of what is wrong.
 * `requireMaxTokens` is false for `count_tokens`.
 */
export function parseRequest(body: unknown, requireMaxTokens = true): MessagesRequest {
  if (!isObject(body)) throw invalid('The request body is not valid JSON: an object is expected');
  if (typeof body.model !== 'string' || body.model === '') throw invalid('model: Field required');
  if (requireMaxTokens && body.max_tokens === undefined) throw invalid('max_tokens: Field required');
  const maxTokens = body.max_tokens ?? 1;
  if (typeof maxTokens !== 'number' || !Number.isInteger(maxTokens) || maxTokens < 1) {
    throw invalid('max_tokens: Input should be a valid integer, greater than 0');
  }
  const request: MessagesRequest = {
    model: body.model,
    maxTokens,
    stream: body.stream === true,
    system: body.system === undefined ? [] : parseContent(body.system, 'system'),
    messages: parseMessages(body.messages),
    tools: parseTools(body.tools),
    toolChoice: isObject(body.tool_choice) ? String(body.tool_choice.type) : 'auto',
    outputSchema: parseOutputSchema(body),
    cacheControl: parseCacheControl(body.cache_control, 'cache_control'),
  };
  checkToolPairs(request.messages);
  checkBreakpoints(request);
  return request;
}

function parseMessages(value: Json | undefined): Message[] {
  if (!Array.isArray(value)) throw invalid('messages: Field required');
  if (value.length === 0) throw invalid('messages: at least one message is required');
  return value.map((message, index) => {
    const path = `messages.${index}`;
    if (!isObject(message)) throw invalid(`${path}: Input should be an object`);
    if (typeof message.role !== 'string' || !roles.includes(message.role)) {
      throw invalid(`${path}.role: Input should be 'user', 'assistant' or 'system'`);
    }
    if (index === 0 && message.role !== 'user') {
      throw invalid('messages: first message must use the "user" role');
    }
    return {
      role: message.role as Message['role'],
      content: parseContent(message.content, `${path}.content`),
    };
  });
}

function parseContent(value: Json | undefined, path: string): ContentBlock[] {
  if (typeof value === 'string') {
    if (value === '') throw invalid(`${path}: text content blocks must be non-empty`);
    return [{ type: 'text', text: value }];
  }
  if (!Array.isArray(value) || value.length === 0) throw invalid(`${path}: Field required`);
  return value.map((block, index) => {
    const at = `${path}.${index}`;
    if (!isObject(block) || typeof block.type !== 'string') throw invalid(`${at}.type: Field required`);
    if (block.type === 'text' && typeof block.text !== 'string') throw invalid(`${at}.text: Field required`);
    if (block.type === 'text' && block.text === '')
      throw invalid(`${at}: text content blocks must be non-empty`);
    if (block.type === 'tool_use' && (typeof block.id !== 'string' || !isObject(block.input))) {
      throw invalid(`${at}.tool_use: id and input are required`);
    }
    if (block.type === 'tool_result' && typeof block.tool_use_id !== 'string') {
      throw invalid(`${at}.tool_result.tool_use_id: Field required`);
    }
    parseCacheControl(block.cache_control, `${at}.cache_control`);
    return { ...block, type: block.type };
  });
}

function parseTools(value: Json | undefined): Tool[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalid('tools: Input should be a valid list');
  const names = new Set<string>();
  return value.map((tool, index) => {
    if (!isObject(tool) || typeof tool.name !== 'string')
      throw invalid(`tools.${index}.name: Field required`);
    if (!/^[a-zA-Z0-9_-]{1,128}$/.test(tool.name)) {
      throw invalid(`tools.${index}.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`);
    }
    if (names.has(tool.name)) throw invalid('tools: Tool names must be unique.');
    names.add(tool.name);
    const isServerTool = typeof tool.type === 'string' && tool.type !== 'custom';
    if (!isServerTool && !isObject(tool.input_schema))
      throw invalid(`tools.${index}.input_schema: Field required`);
    return {
      name: tool.name,
      description: typeof tool.description === 'string' ? tool.description : '',
      inputSchema: isObject(tool.input_schema) ? tool.input_schema : {},
      raw: tool,
    };
  });
}

function parseOutputSchema(body: JsonObject): JsonObject | undefined {
  const config = isObject(body.output_config) ? body.output_config.format : undefined;
  const format = config ?? body.output_format;
  if (format === undefined || format === null) return undefined;
  if (!isObject(format) || format.type !== 'json_schema' || !isObject(format.schema)) {
    throw invalid("output_config.format: Input should be { type: 'json_schema', schema }");
  }
  return format.schema;
}

function parseCacheControl(value: Json | undefined, path: string): CacheControl | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value) || value.type !== 'ephemeral')
    throw invalid(`${path}.type: Input should be 'ephemeral'`);
  if (value.ttl === undefined) return { type: 'ephemeral' };
  if (value.ttl !== '5m' && value.ttl !== '1h') throw invalid(`${path}.ttl: Input should be '5m' or '1h'`);
  return { type: 'ephemeral', ttl: value.ttl };
}

/** Every tool_use is answered in the next user message, and every tool_result answers one. */
function checkToolPairs(messages: Message[]): void {
  let open = new Set<string>();
  messages.forEach((message, index) => {
    if (message.role === 'system') return;
    const results = idsOf(message, 'tool_result', 'tool_use_id');
    const unexpected = results.find((id) => !open.has(id));
    if (unexpected !== undefined) {
      throw invalid(
        `messages.${index}.content: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${unexpected}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
      );
    }
    const missing = [...open].filter((id) => !results.includes(id));
    if (missing.length > 0) {
      throw invalid(
        `messages.${index}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(', ')}.`,
      );
    }
    open = new Set(message.role === 'assistant' ? idsOf(message, 'tool_use', 'id') : []);
  });
  if (open.size > 0) {
    throw invalid(
      `messages: \`tool_use\` ids were found without \`tool_result\` blocks: ${[...open].join(', ')}.`,
    );
  }
}

function idsOf(message: Message, type: string, key: string): string[] {
  return message.content.filter((block) => block.type === type).map((block) => String(block[key]));
}

function checkBreakpoints(request: MessagesRequest): void {
  const blocks: JsonObject[] = [
    ...request.tools.map((tool) => tool.raw),
    ...request.system,
    ...request.messages.flatMap((message) => message.content),
  ];
  const marked = blocks.filter((block) => isObject(block.cache_control)).length;
  const total = marked + (request.cacheControl ? 1 : 0);
  if (total > maxBreakpoints) {
    throw invalid(
      `A maximum of ${maxBreakpoints} blocks with cache_control may be provided. Found ${total}.`,
    );
  }
}
