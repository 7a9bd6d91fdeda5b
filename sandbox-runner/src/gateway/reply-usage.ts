import { StringDecoder } from 'node:string_decoder';

/**
 * Reads the usage out of a Messages API reply while it passes through. A stream tells it twice: `message_start`
 * has the input side, `message_delta` the final figures; the later ones replace the earlier.
 */
export interface ReplyUsage {
  push(chunk: Buffer): void;
  /** Null when the reply had no usage: then nothing was billed. */
  result(): { id: string | null; model: string | null; usage: Record<string, unknown> } | null;
}

/** Whole JSON replies are small; one that is not gives no usage rather than filling memory. */
const MAX_JSON_BYTES = 64 * 1024 * 1024;

const record = (value: unknown): Record<string, unknown> | null =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);

function parse(json: string): Record<string, unknown> | null {
  try {
    return record(JSON.parse(json));
  } catch {
    return null;
  }
}

function present(usage: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(usage).filter(([, value]) => value !== null));
}

export function readJsonUsage(): ReplyUsage {
  const chunks: Buffer[] = [];
  let size = 0;
  return {
    push(chunk) {
      size += chunk.length;
      if (size <= MAX_JSON_BYTES) chunks.push(chunk);
    },
    result() {
      const body = size <= MAX_JSON_BYTES ? parse(Buffer.concat(chunks).toString('utf8')) : null;
      const usage = record(body?.usage);
      return body && usage ? { id: text(body.id), model: text(body.model), usage } : null;
    },
  };
}

export function readStreamUsage(): ReplyUsage {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let id: string | null = null;
  let model: string | null = null;
  let usage: Record<string, unknown> | null = null;

  const line = (value: string) => {
    if (!value.startsWith('data:')) return;
    const data = value.slice(5);
    // Content deltas are the bulk of a stream and never carry usage.
    if (!data.includes('"message_start"') && !data.includes('"message_delta"')) return;
    const event = parse(data);
    if (event?.type === 'message_start') {
      const message = record(event.message);
      id = text(message?.id);
      model = text(message?.model);
      usage = present(record(message?.usage) ?? {});
    } else if (event?.type === 'message_delta') {
      usage = { ...usage, ...present(record(event.usage) ?? {}) };
    }
  };

  return {
    push(chunk) {
      rest += decoder.write(chunk);
      const lines = rest.split(/\r\n|\n|\r/);
      rest = lines.pop() ?? '';
      for (const each of lines) line(each);
    },
    result() {
      line(rest);
      return usage ? { id, model, usage } : null;
    },
  };
}
