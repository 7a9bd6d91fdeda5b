/** The parts of the Messages API that the twin reads and writes. Unknown fields are let through. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export type CacheControl = { type: 'ephemeral'; ttl?: '5m' | '1h' };

export type ContentBlock = JsonObject & { type: string };

export type Message = { role: 'user' | 'assistant' | 'system'; content: ContentBlock[] };

export type Tool = { name: string; description: string; inputSchema: JsonObject; raw: JsonObject };

/** A checked request body: text shorthand is already widened to blocks. */
export type MessagesRequest = {
  model: string;
  maxTokens: number;
  stream: boolean;
  system: ContentBlock[];
  messages: Message[];
  tools: Tool[];
  toolChoice: string;
  /** The JSON schema of structured output, from `output_config.format` or the older `output_format`. */
  outputSchema: JsonObject | undefined;
  cacheControl: CacheControl | undefined;
};

export type TextBlock = { type: 'text'; text: string };
export type ToolUseBlock = { type: 'tool_use'; id: string; name: string; input: JsonObject };
export type ReplyBlock = TextBlock | ToolUseBlock;
export type StopReason = 'end_turn' | 'tool_use' | 'max_tokens';

/** `usage` as the provider words it. All counts are tokens. */
export type UsageBlock = {
  input_tokens: number;
  cache_creation_input_tokens: number;
  cache_read_input_tokens: number;
  cache_creation: { ephemeral_5m_input_tokens: number; ephemeral_1h_input_tokens: number };
  output_tokens: number;
  service_tier: 'standard';
};

export type MessageReply = {
  id: string;
  type: 'message';
  role: 'assistant';
  model: string;
  content: ReplyBlock[];
  stop_reason: StopReason;
  stop_sequence: null;
  usage: UsageBlock;
};

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The text of a block, of a tool result's content (string or blocks), or of a list of blocks. */
export function textOf(content: Json | undefined): string {
  if (typeof content === 'string') return content;
  if (Array.isArray(content)) return content.map(textOf).filter(Boolean).join('\n');
  if (!isObject(content)) return '';
  if (typeof content.text === 'string') return content.text;
  return textOf(content.content);
}
