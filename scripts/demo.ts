import { readDemoArguments } from './demo/arguments.ts';
import { playDemo } from './demo/play.ts';
import { createTerminal } from './demo/terminal.ts';
import { exitWhenWritten } from './exit-when-written.ts';

/** `npm run demo`: a real failure, fixed from the hook to the verified build, with no account and no key. */

const wanted = readDemoArguments();

const INTERRUPTED = 130;
const interruption = new AbortController();
let interruptedAtMs = 0;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(name, () => {
    // npm may pass on what the terminal has sent already; whoever asks again later does not want to wait.
    const isRepeated = interruption.signal.aborted;
    if (isRepeated && performance.now() - interruptedAtMs > 1_000) process.exit(INTERRUPTED);
    if (isRepeated) return;
    interruptedAtMs = performance.now();
    interruption.abort();
    console.error('\nstopping what was started (Ctrl-C again leaves it)');
  });
// A closed pipe (`| head`) must not end the demo before it has stopped what it started.
process.stdout.on('error', () => interruption.abort());

const terminal = createTerminal(process.stdout);
try {
  const faults = await playDemo(wanted, terminal, interruption.signal);
  for (const fault of faults) console.error(`FAULT: ${fault}`);
  await exitWhenWritten(faults.length === 0 ? 0 : 1);
} catch (error) {
  if (interruption.signal.aborted) process.exit(INTERRUPTED);
  console.error(`\nThe demo broke: ${(error as Error).message}`);
  await exitWhenWritten(1);
}
