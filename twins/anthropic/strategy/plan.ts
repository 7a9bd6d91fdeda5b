/**
 * A strategy is a generator: it yields tool calls and is handed their outcomes. A request holds the whole
 * conversation, so a plan is run again from its start on each request and fed with the outcomes recorded there;
 * the first call without a recorded outcome is the next thing to do. Plans therefore must be deterministic.
 */
import type { ContentBlock, JsonObject, Message } from '../wire/messages.ts';
import { textOf } from '../wire/messages.ts';

export type ToolCall = { name: string; input: JsonObject; say?: string };
export type ToolOutcome = { text: string; isError: boolean };
export type Plan<T> = Generator<ToolCall, T, ToolOutcome>;

export type Next<T> = { done: true; value: T } | { done: false; call: ToolCall };

/** Runs `plan` along the recorded outcomes; answers its end or the call that comes next. */
export function replay<T>(plan: Plan<T>, outcomes: readonly ToolOutcome[]): Next<T> {
  let step = plan.next();
  for (const outcome of outcomes) {
    if (step.done) break;
    step = plan.next(outcome);
  }
  return step.done ? { done: true, value: step.value } : { done: false, call: step.value };
}

/** A call that was held back so that a message is read first. */
const HELD_BACK = /read this before it goes out/;

/** The outcomes of all tool calls in the conversation, in the order of the calls; what was held back is called again. */
export function recordedOutcomes(messages: readonly Message[]): ToolOutcome[] {
  const results = new Map<string, ContentBlock>();
  for (const message of messages) {
    for (const block of message.content) {
      if (block.type === 'tool_result') results.set(String(block.tool_use_id), block);
    }
  }
  return messages
    .flatMap((message) => (message.role === 'assistant' ? message.content : []))
    .filter((block) => block.type === 'tool_use')
    .flatMap((block) => {
      const result = results.get(String(block.id));
      return result ? [{ text: textOf(result.content), isError: result.is_error === true }] : [];
    })
    .filter(({ text, isError }) => !(isError && HELD_BACK.test(text)));
}
