/** Runs a model's tool calls for real in a folder of this machine, as the agent's client does in its container. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type Anthropic from '@anthropic-ai/sdk';

export type ToolAnswer = { text: string; isError: boolean };
export type ToolHandlers = Record<string, (input: Record<string, unknown>) => Promise<ToolAnswer>>;

/** Bash, Read, Edit and Write with the client's own wording and limits; `extra` adds the MCP tools. */
export function createExecutor(cwd: string, extra: ToolHandlers): ToolHandlers {
  const seen = new Map<string, string>();
  return {
    Bash: (input) => runBash(String(input.command), cwd),
    Read: async (input) => {
      const path = String(input.file_path);
      if (!existsSync(path)) return { text: 'File does not exist.', isError: true };
      const text = readFileSync(path, 'utf8');
      seen.set(path, text);
      return {
        text: text
          .split(/\r?\n/)
          .map((line, index) => `${index + 1}\t${line}`)
          .join('\n'),
        isError: false,
      };
    },
    Edit: async (input) => {
      const [path, oldText, newText] = [
        String(input.file_path),
        String(input.old_string),
        String(input.new_string),
      ];
      const text = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
      if (text === undefined || seen.get(path) === undefined) return refuse('File has not been read yet.');
      if (seen.get(path) !== text) return refuse('File has been modified since read.');
      // Line ends are the file's own, whatever the caller writes.
      const lineEnd = text.includes('\r\n') ? '\r\n' : '\n';
      const plain = text.replaceAll('\r\n', '\n');
      const count = plain.split(oldText).length - 1;
      if (count !== 1) return refuse(`Found ${count} matches of the string to replace.`);
      const changed = plain.replace(oldText, () => newText).replaceAll('\n', lineEnd);
      writeFileSync(path, changed);
      seen.set(path, changed);
      return { text: `The file ${path} has been updated.`, isError: false };
    },
    Write: async (input) => {
      const path = String(input.file_path);
      if (existsSync(path) && !seen.has(path)) return refuse('File has not been read yet.');
      writeFileSync(path, String(input.content));
      return { text: `File created successfully at: ${path}`, isError: false };
    },
    ...extra,
  };
}

function refuse(text: string): ToolAnswer {
  return { text: `<tool_use_error>${text}</tool_use_error>`, isError: true };
}

const errorLimitChars = 10_000;
const outputLimitChars = 30_000;

function runBash(command: string, cwd: string): Promise<ToolAnswer> {
  // A test runner that sees itself inside another one reports differently.
  const {
    NODE_TEST_CONTEXT: _,
    VITEST: __,
    VITEST_POOL_ID: ___,
    VITEST_WORKER_ID: ____,
    NODE_OPTIONS: _____,
    ...env
  } = process.env;
  return new Promise((resolve) => {
    execFile('bash', ['-c', command], { cwd, env, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      const text = `${stdout}${stderr}`.trim();
      if (!error) resolve({ text: text.slice(0, outputLimitChars), isError: false });
      else
        resolve({ text: `Exit code ${error.code ?? 1}\n${text}`.slice(0, errorLimitChars), isError: true });
    });
  });
}

const objectSchema = { type: 'object' as const, properties: {} };

/** Drives one agent session: asks, performs the calls, answers, until the model ends its turn. */
export async function runSession(options: {
  client: Anthropic;
  system: string;
  prompt: string;
  handlers: ToolHandlers;
  schemas?: Record<string, Anthropic.Tool.InputSchema>;
  maxTurns?: number;
}): Promise<{ text: string; calls: { name: string; input: Record<string, unknown>; answer: ToolAnswer }[] }> {
  const messages: Anthropic.MessageParam[] = [{ role: 'user', content: options.prompt }];
  const calls: { name: string; input: Record<string, unknown>; answer: ToolAnswer }[] = [];
  const tools = Object.keys(options.handlers).map((name) => ({
    name,
    input_schema: options.schemas?.[name] ?? objectSchema,
  }));
  for (let turn = 0; turn < (options.maxTurns ?? 120); turn += 1) {
    const reply = await options.client.messages
      .stream({ model: 'claude-opus-5-5', max_tokens: 32_000, system: options.system, messages, tools })
      .finalMessage();
    messages.push({ role: 'assistant', content: reply.content });
    const uses = reply.content.filter((block) => block.type === 'tool_use');
    if (uses.length === 0) {
      return {
        text: reply.content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
        calls,
      };
    }
    const results: Anthropic.ToolResultBlockParam[] = [];
    for (const use of uses) {
      const input = use.input as Record<string, unknown>;
      const answer = (await options.handlers[use.name]?.(input)) ?? { text: 'No such tool', isError: true };
      calls.push({ name: use.name, input, answer });
      results.push({
        type: 'tool_result',
        tool_use_id: use.id,
        content: answer.text || '(no output)',
        is_error: answer.isError,
      });
    }
    messages.push({ role: 'user', content: results });
  }
  throw new Error('the session did not end');
}
