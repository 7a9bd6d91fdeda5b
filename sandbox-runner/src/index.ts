import { openBackend } from './backend/backend.ts';
import { createLogger, createRedactor } from './logger.ts';
import { startRunner } from './service.ts';
import { parseSettings, secretsOf } from './settings.ts';

const parsed = parseSettings(process.env);
if (!parsed.ok) {
  for (const fault of parsed.faults) console.error(`setting ${fault}`);
  process.exit(2);
}
const { settings } = parsed;
const logger = createLogger({
  redact: createRedactor(secretsOf(settings)),
  write: (line) => console.log(line),
  nowMs: Date.now,
});

const service = await startRunner({
  settings,
  backend: await openBackend(settings, logger),
  logger,
  nowMs: Date.now,
  monotonicMs: () => performance.now(),
  random: Math.random,
}).catch((error: unknown) => {
  const isFull = (error as NodeJS.ErrnoException).code === 'ENOSPC';
  const fix = isFull ? ` Free some space on ${settings.stateDir}.` : '';
  console.error(`the runner cannot start: ${error instanceof Error ? error.message : String(error)}.${fix}`);
  process.exit(1);
});
console.log(`ready ${service.url}`);

let closing = false;
async function close(signal: string): Promise<void> {
  if (closing) return;
  closing = true;
  logger.info('closing', { signal });
  await service.close();
  process.exit(0);
}
process.on('SIGTERM', () => void close('SIGTERM'));
process.on('SIGINT', () => void close('SIGINT'));
