import { createServer } from 'node:net';

/** Below the ports that systems hand out to connections: whoever asks for any port does not get one of these. */
const FIRST_PORT = 12_000;
const LAST_PORT = 29_999;
const TRIES = 50;

/** A port that nobody listens on now, and that nobody is likely to take until it is used. */
export async function freePort(random: () => number = Math.random): Promise<number> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const port = FIRST_PORT + Math.floor(random() * (LAST_PORT - FIRST_PORT + 1));
    if (await isFree(port)) return port;
  }
  throw new Error('no port could be had');
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((done) => {
    server.once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
}
