import { request } from 'node:http';

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
  return {
    get: (path) => send('GET', path),
    post: (path, body, contentType) => send('POST', path, body, contentType),
  };
}

/** Sends in order, one at a time, and never lets a failed line stop the session. */
export function orderedSender(door: Door, path: string) {
  let last: Promise<unknown> = Promise.resolve();
  let lost = 0;
  return {
    send(line: unknown) {
      last = last.then(() => door.post(path, JSON.stringify(line))).catch(() => lost++);
    },
    async flush() {
      await last;
      return { lost };
    },
  };
}
