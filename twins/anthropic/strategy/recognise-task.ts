/** Reads out of a request which job it is and the facts its prompt states line by line. */
import type { JsonObject, Message, MessagesRequest } from '../wire/messages.ts';
import { isObject } from '../wire/messages.ts';

export type Facts = {
  repository: string | undefined;
  commit: string | undefined;
  lastGreenCommit: string | undefined;
  failedStep: string | undefined;
  failedCommand: string | undefined;
  failingTests: string[];
};

export type Untrusted = { source: string; id: string; text: string };

export type Task =
  | {
      kind: 'fix';
      facts: Facts;
      untrusted: Untrusted[];
      prompt: string;
      toolNames: ReadonlySet<string>;
      schemas: Record<string, JsonObject>;
    }
  | { kind: 'judge'; facts: Facts; untrusted: Untrusted[]; prompt: string; readLogTool: string | undefined }
  | {
      kind: 'task';
      text: string;
      toolNames: ReadonlySet<string>;
      schemas: Record<string, JsonObject>;
      outputSchema: JsonObject | undefined;
    }
  | { kind: 'other' };

export type FixTask = Extract<Task, { kind: 'fix' }>;
export type CrewTask = Extract<Task, { kind: 'task' }>;
export type JudgeTask = Extract<Task, { kind: 'judge' }>;

export function recogniseTask(request: MessagesRequest): Task {
  const prompt = userText(request.messages);
  const names = new Set(request.tools.map((tool) => tool.name));
  const common = { facts: parseFacts(prompt), untrusted: parseUntrusted(prompt), prompt };
  const asked = /^# A task from .*\n+([\s\S]*?)\n\nDo what your charter allows/m.exec(prompt)?.[1];
  if (asked !== undefined)
    return {
      kind: 'task',
      text: asked,
      toolNames: names,
      schemas: Object.fromEntries(request.tools.map((tool) => [tool.name, tool.inputSchema])),
      outputSchema: request.outputSchema,
    };
  if (names.has('Bash') && names.has('Edit') && isFixPrompt(prompt, names)) {
    const schemas = Object.fromEntries(request.tools.map((tool) => [tool.name, tool.inputSchema]));
    return { kind: 'fix', ...common, toolNames: names, schemas };
  }
  if (request.outputSchema && mentionsCategories(request.outputSchema)) {
    const readLogTool = [...names].find((name) => /(^|__)read_log$/.test(name));
    return { kind: 'judge', ...common, readLogTool };
  }
  return { kind: 'other' };
}

function isFixPrompt(prompt: string, names: ReadonlySet<string>): boolean {
  return [...names].some((name) => /(^|__)submit_fix$/.test(name)) || /^Failed (command|step):/m.test(prompt);
}

function mentionsCategories(schema: JsonObject): boolean {
  const text = JSON.stringify(schema);
  return ['"code"', '"configuration"', '"environment"'].every((word) => text.includes(word));
}

export function parseFacts(prompt: string): Facts {
  const open = withoutUntrusted(prompt);
  const line = (label: string): string | undefined => {
    const value = new RegExp(`^${label}:[ \\t]*(.+)$`, 'm').exec(open)?.[1]?.trim();
    return value === undefined || /^(not known|none known|none recognised|none|unknown)\b/i.test(value)
      ? undefined
      : value;
  };
  const sha = (label: string): string | undefined => /\b[0-9a-f]{7,40}\b/.exec(line(label) ?? '')?.[0];
  const tests = line('Failing tests');
  return {
    repository: line('Repository'),
    commit: sha('Commit'),
    lastGreenCommit: sha('Last green commit'),
    failedStep: line('Failed step'),
    failedCommand: commandIn(open, line('Failed command')),
    failingTests: tests ? tests.split(/;\s*/).filter(Boolean) : [],
  };
}

/** A script of several lines goes on with `| ` on each. */
function commandIn(prompt: string, first: string | undefined): string | undefined {
  if (first === undefined) return undefined;
  const rest = /^Failed command:.*((?:\n\| .*)*)/m.exec(prompt)?.[1] ?? '';
  return `${first.replace(/^`(.+)`$/, '$1')}${rest.replaceAll('\n| ', '\n')}`;
}

const fence = /<untrusted\b([^>]*)>\n?([\s\S]*?)\n?<\/untrusted[^>]*>/g;

export function parseUntrusted(prompt: string): Untrusted[] {
  return [...prompt.matchAll(fence)].map((match) => ({
    source: /source="([^"]*)"/.exec(match[1] ?? '')?.[1] ?? '',
    id: /id="([^"]*)"/.exec(match[1] ?? '')?.[1] ?? '',
    text: match[2] ?? '',
  }));
}

function withoutUntrusted(prompt: string): string {
  return prompt.replace(fence, '');
}

/** All text of the user, without what the client itself puts in. */
function userText(messages: readonly Message[]): string {
  return messages
    .filter((message) => message.role === 'user')
    .flatMap(textsOf)
    .join('\n');
}

export function lastUserText(messages: readonly Message[]): string {
  const last = [...messages]
    .reverse()
    .find((message) => message.role === 'user' && textsOf(message).length > 0);
  return last ? textsOf(last).join('\n') : '';
}

function textsOf(message: Message): string[] {
  return message.content
    .filter((block) => block.type === 'text' && isObject(block))
    .map((block) =>
      String(block.text)
        .replace(/<system-reminder>[\s\S]*?<\/system-reminder>/g, '')
        .trim(),
    )
    .filter(Boolean);
}
