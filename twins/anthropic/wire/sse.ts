import type { JsonObject, MessageReply, ReplyBlock } from './messages.ts';

export type StreamEvent = JsonObject & { type: string };

/** Small enough that a reader which handles only whole deltas is found out. */
const textChunkChars = 160;
const jsonChunkChars = 400;

/** The events of one streamed reply, in the order and shape of the Messages API. */
export function streamEvents(reply: MessageReply): StreamEvent[] {
  const { output_tokens: _, ...promptUsage } = reply.usage;
  const events: StreamEvent[] = [
    {
      type: 'message_start',
      message: {
        ...reply,
        content: [],
        stop_reason: null,
        usage: { ...promptUsage, output_tokens: 1 },
      },
    },
  ];
  reply.content.forEach((block, index) => {
    events.push({ type: 'content_block_start', index, content_block: emptied(block) });
    if (index === 0) events.push({ type: 'ping' });
    for (const delta of deltas(block)) events.push({ type: 'content_block_delta', index, delta });
    events.push({ type: 'content_block_stop', index });
  });
  events.push({
    type: 'message_delta',
    delta: { stop_reason: reply.stop_reason, stop_sequence: null },
    usage: reply.usage,
  });
  events.push({ type: 'message_stop' });
  return events;
}

export function formatEvent(event: StreamEvent): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

function emptied(block: ReplyBlock): JsonObject {
  return block.type === 'text' ? { type: 'text', text: '' } : { ...block, input: {} };
}

function deltas(block: ReplyBlock): JsonObject[] {
  if (block.type === 'text') {
    return chunks(block.text, textChunkChars).map((text) => ({ type: 'text_delta', text }));
  }
  const parts = ['', ...chunks(JSON.stringify(block.input), jsonChunkChars)];
  return parts.map((partial) => ({ type: 'input_json_delta', partial_json: partial }));
}

function chunks(text: string, size: number): string[] {
  const parts: string[] = [];
  for (let at = 0; at < text.length; at += size) parts.push(text.slice(at, at + size));
  return parts;
}
