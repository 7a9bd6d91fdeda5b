import { Agent, request } from 'node:http';

const TRIES = 3;

/**
 * Sends each body, `concurrency` at a time over kept connections; answers the requests per second. On a busy
 * machine a connection breaks off now and then without an answer: the body goes again, as any sender does it, and
 * the time counts.
 */
export async function requestsPerSecond(
  url: string,
  headers: Record<string, string>,
  bodies: readonly string[],
  concurrency: number,
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const rest = bodies[Symbol.iterator]();
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (const body of rest) {
        const status = await post(agent, url, headers, body, TRIES);
        if (status !== 202) throw new Error(`${url} answered ${status}`);
      }
    }),
  );
  agent.destroy();
  return (bodies.length / (performance.now() - startedAt)) * 1_000;
}

function post(
  agent: Agent,
  url: string,
  headers: Record<string, string>,
  body: string,
  tries: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'POST', agent, headers }, (answer) => {
      answer.resume();
      answer.once('end', () => resolve(answer.statusCode ?? 0));
    });
    asked.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET' && tries > 1) resolve(post(agent, url, headers, body, tries - 1));
      else reject(error);
    });
    asked.end(body);
  });
}
