/** An answer of the provider with these blocks of content. */
export const modelReply = (content: readonly unknown[], stopReason = 'end_turn'): Response =>
  Response.json({
    id: `msg_${crypto.randomUUID()}`,
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-5-5',
    content,
    stop_reason: stopReason,
    stop_sequence: null,
    usage: { input_tokens: 100, output_tokens: 10 },
  });

/** The model is done, and this is its result. */
export const modelSays = (result: unknown): Response =>
  modelReply([{ type: 'text', text: JSON.stringify(result) }]);
