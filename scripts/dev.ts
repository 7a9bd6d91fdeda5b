import { join, resolve } from 'node:path';
import { mergeSettings, readDevVars } from './dev/settings-file.ts';
import { root, startWorker } from './dev/worker-process.ts';

/** `npm run dev`: the Worker alone, in real workerd, with its cron trigger ticking each minute. */

const MINUTE_MS = 60_000;

const port = Number(process.env.PORT ?? 8787);
const stateDir = resolve(root, process.env.STATE_DIR ?? '.state');
const settings = mergeSettings(process.env, readDevVars(join(root, '.dev.vars')));
settings.PUBLIC_URL ??= `http://127.0.0.1:${port}`;

const worker = await startWorker({ port, stateDir, settings, log: (line) => console.error(line) });
console.log(`ready ${worker.url}`);

let ticker: NodeJS.Timeout;
const tickEachMinute = () => {
  const now = Date.now();
  const next = Math.floor(now / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
  ticker = setTimeout(() => {
    tickEachMinute();
    worker.tick(next).catch((error) => console.error(`cron tick failed: ${error}`));
  }, next - now);
};
tickEachMinute();

let stopping = false;
const stop = async () => {
  if (stopping) return;
  stopping = true;
  clearTimeout(ticker);
  await worker.stop();
  process.exit(0);
};
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
void worker.exited.then((code) => {
  if (!stopping) process.exit(code ?? 1);
});
