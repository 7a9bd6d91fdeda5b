import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { AgentEnd, AgentTask } from '../../image/agent/task.ts';
import type { SandboxHandlers, ToolAnswer, ToolCall } from '../backend/sandbox.ts';
import { atOnce } from './at-once.ts';
import { agentEndSchema, fixHeaderSchema, toolBodySchema } from './door-bodies.ts';
import { checkpointHeaderSchema, sessionEventSchema } from './session-bodies.ts';
import { readBody } from './upstream.ts';

const MAX_CALL_BYTES = 1024 * 1024;
const MAX_BUNDLE_BYTES = 64 * 1024 * 1024;
const MAX_EVENT_BYTES = 256 * 1024;
const MAX_LINE_BYTES = 16 * 1024 * 1024;
const MAX_TRANSCRIPT_BYTES = 256 * 1024 * 1024;
/** Of a whole session: what it hands in lies on the runner's disk and in its memory. */
const MAX_EVENTS = 50_000;
const MAX_EVENTS_BYTES = 64 * 1024 * 1024;
const MAX_CALLS = 2_000;
const MAX_BUNDLES_BYTES = 512 * 1024 * 1024;
/** Bodies held in memory while they arrive. */
const BODIES_AT_ONCE = 3;

export type OwnDoor =
  | { kind: 'task' }
  | { kind: 'tool'; tool: string }
  | { kind: 'events' }
  | { kind: 'transcript' }
  | { kind: 'ended' };

/** The doors that a run has to itself: its task, its tools, its ledger, its transcript, its end. */
export interface RunDoors {
  handle(door: OwnDoor, incoming: IncomingMessage, answer: ServerResponse): Promise<void>;
  transcriptPath: string;
  /** What the agent said of its own end, if it came to that. */
  end(): AgentEnd | null;
  turns(): number;
  close(): Promise<void>;
}

class BadBody extends Error {
  override name = 'BadBody';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new BadBody('The body is not JSON.');
  }
}

/** The session has handed in as much as it may. */
class Exhausted extends Error {
  override name = 'Exhausted';
}

function send(answer: ServerResponse, status: number, value: unknown) {
  answer.writeHead(status, { 'content-type': 'application/json' });
  answer.end(JSON.stringify(value));
}

/** `folder` is this run's own on the runner's disk: transcript and bundles are kept there. */
export async function openRunDoors(
  folder: string,
  task: AgentTask,
  handlers: SandboxHandlers,
): Promise<RunDoors> {
  await mkdir(folder, { recursive: true });
  const transcriptPath = join(folder, 'transcript.jsonl');
  const transcript: WriteStream = createWriteStream(transcriptPath, { flags: 'a', mode: 0o600 });
  // A full disk ends the transcript, not the runner.
  transcript.on('error', () => undefined);
  /** A repeated call, by its key, gets the first one's answer. */
  const calls = new Map<string, Promise<ToolAnswer>>();
  const inTurn = atOnce(BODIES_AT_ONCE);
  let transcriptBytes = 0;
  let events = 0;
  let eventBytes = 0;
  let bundles = 0;
  let bundleBytes = 0;
  let end: AgentEnd | null = null;
  let turns = 0;

  async function body(incoming: IncomingMessage, maxBytes: number): Promise<Buffer> {
    const bytes = await inTurn(() => readBody(incoming, maxBytes));
    if (bytes === null) throw new BadBody(`At most ${maxBytes} bytes.`);
    return bytes;
  }

  async function readCall(tool: string, incoming: IncomingMessage): Promise<ToolCall> {
    if (tool !== 'submit_fix' && tool !== 'checkpoint') {
      const parsed = toolBodySchema.safeParse({
        tool,
        ...(parseJson((await body(incoming, MAX_CALL_BYTES)).toString('utf8')) as object),
      });
      if (!parsed.success) throw new BadBody('The call does not fit the tool.');
      return parsed.data as ToolCall;
    }
    const bytes = await body(incoming, MAX_BUNDLE_BYTES);
    bundleBytes += bytes.length;
    if (bundleBytes > MAX_BUNDLES_BYTES) throw new Exhausted('Too much was handed in.');
    const newline = bytes.indexOf(0x0a);
    const first = parseJson(bytes.subarray(0, Math.max(0, newline)).toString('utf8'));
    if (tool === 'checkpoint') {
      const header = checkpointHeaderSchema.safeParse(first);
      if (!header.success) throw new BadBody('The checkpoint has no readable header.');
      return { tool, ...header.data, bundle: new Uint8Array(bytes.subarray(newline + 1)) };
    }
    const header = fixHeaderSchema.safeParse(first);
    if (!header.success) throw new BadBody('The fix has no readable header.');
    const bundlePath = join(folder, `fix-${++bundles}.bundle`);
    await writeFile(bundlePath, bytes.subarray(newline + 1), { mode: 0o600 });
    return { tool: 'submit_fix', ...header.data, bundlePath };
  }

  async function answerTool(tool: string, incoming: IncomingMessage): Promise<ToolAnswer> {
    const call = await readCall(tool, incoming);
    const known = calls.get(call.key);
    if (known) return known;
    if (calls.size >= MAX_CALLS) throw new Exhausted(`At most ${MAX_CALLS} calls in a session.`);
    const answer = handlers
      .onTool(call)
      .catch((error): ToolAnswer => ({ text: `The runner failed: ${String(error)}`, isError: true }));
    calls.set(call.key, answer);
    return answer;
  }

  async function handle(door: OwnDoor, incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    try {
      switch (door.kind) {
        case 'task':
          return send(answer, 200, task);
        case 'tool':
          return send(answer, 200, await answerTool(door.tool, incoming));
        case 'events': {
          const bytes = await body(incoming, MAX_EVENT_BYTES);
          eventBytes += bytes.length;
          if (++events > MAX_EVENTS || eventBytes > MAX_EVENTS_BYTES)
            throw new Exhausted('The ledger of this session is full.');
          const event = sessionEventSchema.safeParse(parseJson(bytes.toString('utf8')));
          if (!event.success) throw new BadBody('Not an event.');
          if (event.data.type === 'turn') turns = event.data.turns;
          handlers.onEvent(event.data);
          return send(answer, 200, handlers.judge?.(event.data) ?? {});
        }
        case 'transcript': {
          const line = await body(incoming, MAX_LINE_BYTES);
          transcriptBytes += line.length + 1;
          // One message a line: JSON has no raw newline of its own.
          if (transcriptBytes <= MAX_TRANSCRIPT_BYTES)
            transcript.write(`${line.toString('utf8').replace(/[\r\n]+/g, ' ')}\n`);
          return send(answer, 200, {});
        }
        case 'ended': {
          const parsed = agentEndSchema.safeParse(
            parseJson((await body(incoming, MAX_EVENT_BYTES)).toString('utf8')),
          );
          if (!parsed.success) throw new BadBody('Not an end.');
          end = parsed.data;
          return send(answer, 200, {});
        }
      }
    } catch (error) {
      if (error instanceof Exhausted) return send(answer, 429, { error: error.message });
      if (!(error instanceof BadBody)) throw error;
      return send(answer, 400, { error: error.message });
    }
  }

  return {
    handle,
    transcriptPath,
    end: () => end,
    turns: () => turns,
    close: () => new Promise((resolve) => transcript.end(() => resolve())),
  };
}
