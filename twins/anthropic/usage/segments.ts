import { createHash } from 'node:crypto';
import type { CacheControl, Json, JsonObject, MessagesRequest } from '../wire/messages.ts';
import { isObject } from '../wire/messages.ts';

/** One block of the prompt in cache order (tools, system, messages). `prefixHash` covers it and all before it. */
export type Segment = { tokens: number; prefixHash: string; breakpoint: '5m' | '1h' | undefined };

/** About four characters a token: near enough for cost figures that look like a real run's. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / 4);
}

/** A block costs a little beyond its text (role, type, id). */
const blockOverheadTokens = 4;

export function promptSegments(request: MessagesRequest): Segment[] {
  const segments: Segment[] = [];
  let hash = request.model;
  const add = (place: string, block: JsonObject): void => {
    // A client's bookkeeping line, different in each session; the API does not count it either.
    if (typeof block.text === 'string' && block.text.startsWith('x-anthropic-billing-header')) return;
    const { cache_control: control, ...content } = block;
    const text = JSON.stringify(content);
    hash = createHash('sha256').update(hash).update(place).update(text).digest('hex');
    segments.push({
      tokens: estimateTokens(plainText(content)) + blockOverheadTokens,
      prefixHash: hash,
      breakpoint: ttlOf(control),
    });
  };
  for (const tool of request.tools) add('tool', tool.raw);
  if (request.outputSchema) add('schema', request.outputSchema);
  for (const block of request.system) add('system', block);
  for (const message of request.messages) for (const block of message.content) add(message.role, block);
  const last = segments.at(-1);
  if (request.cacheControl && last && !last.breakpoint) last.breakpoint = request.cacheControl.ttl ?? '5m';
  return segments;
}

function ttlOf(control: Json | undefined): '5m' | '1h' | undefined {
  if (!isObject(control)) return undefined;
  return (control as CacheControl).ttl ?? '5m';
}

/** What a tokenizer would see: strings as they are, structure as JSON. */
function plainText(value: JsonObject): string {
  if (typeof value.text === 'string') return value.text;
  if (value.type === 'tool_result' && typeof value.content === 'string') return value.content;
  return JSON.stringify(value);
}
