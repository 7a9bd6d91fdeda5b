import { type DemoArguments, parseDemoArguments } from './demo/arguments.ts';
import { playDemo } from './demo/play.ts';
import { createTerminal } from './demo/terminal.ts';

/** `npm run demo`: a real failure, fixed from the hook to the verified build, with no account and no key. */

let wanted: DemoArguments;
try {
  wanted = parseDemoArguments(process.argv.slice(2));
} catch (error) {
  console.error((error as Error).message);
  process.exit(2);
}

const terminal = createTerminal(process.stdout);
try {
  const faults = await playDemo(wanted, terminal);
  for (const fault of faults) console.error(`FAULT: ${fault}`);
  process.exit(faults.length === 0 ? 0 : 1);
} catch (error) {
  console.error(`\nThe demo broke: ${(error as Error).message}`);
  process.exit(1);
}
