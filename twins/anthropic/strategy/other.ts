import type { Json, MessagesRequest } from '../wire/messages.ts';
import { lastUserText } from './recognise-task.ts';

/** Answers what is neither a judgement nor a fix: titles, summaries, small talk. Short, and about the text given. */
export function answerPlainly(request: MessagesRequest): string {
  const text = lastUserText(request.messages);
  const system = request.system.map((block) => String(block.text ?? '')).join('\n');
  if (/\btitle\b/i.test(system) || /\btitle\b/i.test(text.slice(0, 400))) return shortTitle(text);
  if (/summar/i.test(system) || /summar/i.test(text.slice(0, 400))) {
    return `Summary: ${firstLine(text)}`;
  }
  return `I have read your message ("${firstLine(text)}"). There is nothing in it that I can act on with the tools I have; give me a failed build and I will look into it.`;
}

/** A value for a schema the strategy does not know: the caller shapes it, so only likely words are offered. */
export function valueFor(request: MessagesRequest): Json {
  const text = lastUserText(request.messages);
  return {
    title: shortTitle(text),
    summary: firstLine(text),
    text: firstLine(text),
    answer: firstLine(text),
  };
}

function shortTitle(text: string): string {
  const words = firstLine(text).split(/\s+/).slice(0, 6).join(' ');
  return words || 'Conversation';
}

function firstLine(text: string): string {
  const line = text.split('\n').find((candidate) => candidate.trim() !== '') ?? '';
  return line.trim().slice(0, 120);
}
