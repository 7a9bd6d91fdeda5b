import type { Json, JsonObject, MessagesRequest } from '../wire/messages.ts';
import { fixFailure } from './cody.ts';
import { doTask } from './crew-task.ts';
import { answerPlainly, valueFor } from './other.ts';
import { recordedOutcomes, replay } from './plan.ts';
import { recogniseTask } from './recognise-task.ts';
import { judgeFailure } from './ryan.ts';

/** What the model says next: a tool call, a structured value, or text. */
export type Decision =
  | { kind: 'call'; name: string; input: JsonObject; say: string | undefined }
  | { kind: 'value'; value: Json }
  | { kind: 'text'; text: string };

export function respond(request: MessagesRequest): Decision {
  // A caller that forbids tools wants an answer now, from what is already known.
  const task = recogniseTask(request.toolChoice === 'none' ? { ...request, tools: [] } : request);
  const outcomes = recordedOutcomes(request.messages);
  if (task.kind === 'fix') {
    const next = replay(fixFailure(task), outcomes);
    return next.done ? { kind: 'text', text: next.value } : { kind: 'call', say: undefined, ...next.call };
  }
  if (task.kind === 'judge') {
    const next = replay(judgeFailure(task), outcomes);
    return next.done ? { kind: 'value', value: next.value } : { kind: 'call', say: undefined, ...next.call };
  }
  if (task.kind === 'task') {
    const next = replay(doTask(task), outcomes);
    if (!next.done) return { kind: 'call', say: undefined, ...next.call };
    return task.outputSchema === undefined
      ? { kind: 'text', text: 'Done.' }
      : { kind: 'value', value: next.value };
  }
  if (request.outputSchema) return { kind: 'value', value: valueFor(request) };
  return { kind: 'text', text: answerPlainly(request) };
}
