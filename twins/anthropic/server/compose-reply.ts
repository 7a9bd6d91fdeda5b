import { conform } from '../schema/conform.ts';
import type { Decision } from '../strategy/respond.ts';
import { respond } from '../strategy/respond.ts';
import type { PromptUsage } from '../usage/prompt-cache.ts';
import { estimateTokens } from '../usage/segments.ts';
import type { MessageReply, MessagesRequest, ReplyBlock, StopReason } from '../wire/messages.ts';
import { newId } from './ids.ts';

/** Turns the strategy's decision into a reply message, with usage and the limit of `max_tokens`. */
export function composeReply(request: MessagesRequest, prompt: PromptUsage): MessageReply {
  const { content, stopReason } = withinLimit(toBlocks(respond(request), request), request.maxTokens);
  return {
    id: newId('msg'),
    type: 'message',
    role: 'assistant',
    model: request.model,
    content,
    stop_reason: stopReason,
    stop_sequence: null,
    usage: {
      input_tokens: prompt.input,
      cache_creation_input_tokens: prompt.write5m + prompt.write1h,
      cache_read_input_tokens: prompt.read,
      cache_creation: {
        ephemeral_5m_input_tokens: prompt.write5m,
        ephemeral_1h_input_tokens: prompt.write1h,
      },
      output_tokens: Math.max(1, sumTokens(content)),
      service_tier: 'standard',
    },
  };
}

function toBlocks(decision: Decision, request: MessagesRequest): ReplyBlock[] {
  if (decision.kind === 'call') {
    const use: ReplyBlock = {
      type: 'tool_use',
      id: newId('toolu'),
      name: decision.name,
      input: decision.input,
    };
    return decision.say ? [{ type: 'text', text: decision.say }, use] : [use];
  }
  if (decision.kind === 'value') {
    const value = request.outputSchema ? conform(request.outputSchema, decision.value) : decision.value;
    return [{ type: 'text', text: JSON.stringify(value) }];
  }
  return [{ type: 'text', text: decision.text }];
}

function withinLimit(
  blocks: ReplyBlock[],
  maxTokens: number,
): { content: ReplyBlock[]; stopReason: StopReason } {
  const stopReason = blocks.some((block) => block.type === 'tool_use') ? 'tool_use' : 'end_turn';
  if (sumTokens(blocks) <= maxTokens) return { content: blocks, stopReason };
  let leftChars = maxTokens * 4;
  const content: ReplyBlock[] = [];
  for (const block of blocks) {
    // A call that does not fit whole is left out: half of its JSON would be no call.
    if (block.type === 'tool_use' || leftChars <= 0) break;
    content.push({ type: 'text', text: block.text.slice(0, leftChars) });
    leftChars -= block.text.length;
  }
  return { content, stopReason: 'max_tokens' };
}

function sumTokens(blocks: ReplyBlock[]): number {
  return blocks.reduce(
    (sum, block) =>
      sum + estimateTokens(block.type === 'text' ? block.text : block.name + JSON.stringify(block.input)),
    0,
  );
}
