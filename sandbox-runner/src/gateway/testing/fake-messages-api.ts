import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the fake model says in one turn. */
export type Turn = ({ say: string } | { call: string; input: Record<string, unknown> }) & {
  /** How long it thinks. */
  afterMs?: number;
};

export interface SeenRequest {
  at: number;
  path: string;
  headers: IncomingHttpHeaders;
  body: {
    model: string;
    tools?: { name: string }[];
    messages: { role: string; content: unknown }[];
    system?: unknown;
  };
}

export const FAKE_USAGE = {
  input_tokens: 100,
  output_tokens: 20,
  cache_creation_input_tokens: 30,
  cache_read_input_tokens: 40,
};

/** Speaks just enough of `POST /v1/messages` to lead each session through the same fixed turns; the last one repeats. */
export async function fakeMessagesApi(turns: Turn[], mainModel: string, host = '127.0.0.1') {
  const seen: SeenRequest[] = [];
  const server = createServer((incoming, answer) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', async () => {
      const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as SeenRequest['body'] & {
        stream?: boolean;
      };
      seen.push({ at: Date.now(), path: incoming.url ?? '', headers: incoming.headers, body });
      const id = `msg_${seen.length}`;
      const main = body.model === mainModel && (body.tools?.length ?? 0) > 0;
      const turn: Turn = main
        ? (turns[Math.min(turnsOf(body.messages), turns.length - 1)] ?? { say: 'done' })
        : { say: 'ok' };
      if (turn.afterMs !== undefined) await new Promise((next) => setTimeout(next, turn.afterMs));
      const block =
        'say' in turn
          ? { type: 'text', text: turn.say }
          : { type: 'tool_use', id: `toolu_${seen.length}`, name: turn.call, input: turn.input };
      const stop_reason = 'say' in turn ? 'end_turn' : 'tool_use';
      const message = {
        id,
        type: 'message',
        role: 'assistant',
        model: body.model,
        content: [] as unknown[],
        stop_reason: null as string | null,
        stop_sequence: null,
        usage: { ...FAKE_USAGE, output_tokens: 1 },
      };
      if (!body.stream) {
        answer.writeHead(200, { 'content-type': 'application/json', 'request-id': `req_${seen.length}` });
        answer.end(JSON.stringify({ ...message, content: [block], stop_reason, usage: FAKE_USAGE }));
        return;
      }
      answer.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': `req_${seen.length}` });
      const event = (type: string, data: object) =>
        answer.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
      event('message_start', { message });
      const empty = block.type === 'text' ? { type: 'text', text: '' } : { ...block, input: {} };
      event('content_block_start', { index: 0, content_block: empty });
      const delta =
        'say' in turn
          ? { type: 'text_delta', text: turn.say }
          : { type: 'input_json_delta', partial_json: JSON.stringify(turn.input) };
      event('content_block_delta', { index: 0, delta });
      event('content_block_stop', { index: 0 });
      event('message_delta', {
        delta: { stop_reason, stop_sequence: null },
        usage: { output_tokens: FAKE_USAGE.output_tokens },
      });
      event('message_stop', {});
      answer.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    seen,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** How far a session is: what it repeats to the model tells. */
const turnsOf = (messages: { role: string }[]): number =>
  messages.filter(({ role }) => role === 'assistant').length;
