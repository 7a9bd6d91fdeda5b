import { Agent, request } from 'node:http';

/**
 * Sends each body, `concurrency` at a time over kept connections; answers the requests per second. A connection
 * that the server had closed meanwhile is not an answer: the body goes again over another one.
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
        const ask = () => post(agent, url, headers, body);
        const status = await ask().catch((error: unknown) => {
          if (!(error instanceof StaleConnection)) throw error;
          return ask();
        });
        if (status !== 202) throw new Error(`${url} answered ${status}`);
      }
    }),
  );
  agent.destroy();
  return (bodies.length / (performance.now() - startedAt)) * 1_000;
}

class StaleConnection extends Error {
  override name = 'StaleConnection';
}

function post(agent: Agent, url: string, headers: Record<string, string>, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'POST', agent, headers }, (answer) => {
      answer.resume();
      answer.once('end', () => resolve(answer.statusCode ?? 0));
    });
    asked.on('error', (error: NodeJS.ErrnoException) =>
      reject(asked.reusedSocket && error.code === 'ECONNRESET' ? new StaleConnection(url) : error),
    );
    asked.end(body);
  });
}
