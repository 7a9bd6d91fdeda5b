import { request } from 'node:http';

/** A runner that is restarted comes back on the same address; every call has a key, so that a repeat is harmless. */
const AWAY_MS = 5 * 60_000;

export class DoorError extends Error {
  override name = 'DoorError';
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The container's only neighbour. */
export interface Door {
  get(path: string): Promise<string>;
  post(path: string, body: string | Buffer, contentType?: string): Promise<string>;
}

/**
 * Speaks to the gateway. `node:http` rather than `fetch`, because an answer may take as long as a proof
 * takes (many minutes) and `fetch` gives up waiting for headers after five.
 */
export function openDoor(gatewayUrl: string): Door {
  const send = (method: string, path: string, body?: string | Buffer, contentType = 'application/json') =>
    new Promise<string>((resolve, reject) => {
      const outgoing = request(new URL(path, gatewayUrl), {
        method,
        headers:
          body === undefined
            ? {}
            : { 'content-type': contentType, 'content-length': Buffer.byteLength(body).toString() },
      });
      outgoing.on('error', reject);
      outgoing.on('response', (answer) => {
        const chunks: Buffer[] = [];
        answer.on('error', reject);
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const status = answer.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve(text);
          else reject(new DoorError(status, `${method} ${path}: ${status} ${text.slice(0, 500)}`));
        });
      });
      outgoing.end(body);
    });
  const persistent = async (...args: Parameters<typeof send>) => {
    const giveUpAtMs = Date.now() + AWAY_MS;
    for (let pauseMs = 200; ; pauseMs = Math.min(2_000, pauseMs * 2)) {
      try {
        return await send(...args);
      } catch (error) {
        if (error instanceof DoorError || Date.now() > giveUpAtMs) throw error;
        await new Promise((done) => setTimeout(done, pauseMs));
      }
    }
  };
  return {
    get: (path) => persistent('GET', path),
    post: (path, body, contentType) => persistent('POST', path, body, contentType),
  };
}

/** Sends in order, one at a time; a failed line rejects for who waits for it and stops none of the next. */
export function orderedSender(door: Door, path: string) {
  let last: Promise<unknown> = Promise.resolve();
  return {
    send(line: unknown): Promise<string> {
      const sent = last.then(() => door.post(path, JSON.stringify(line)));
      last = sent.catch(() => undefined);
      return sent;
    },
    async flush(): Promise<void> {
      await last;
    },
  };
}
