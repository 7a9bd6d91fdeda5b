import { join } from 'node:path';
import { readDevVars } from './dev/settings-file.ts';
import { root } from './dev/worker-process.ts';
import { commands, usage } from './operator/commands.ts';
import { operatorApi } from './operator/operator-api.ts';

/** `npm run dogwatch -- COMMAND`: the operator's view from a terminal. */

const [name = '', ...args] = process.argv.slice(2);
const command = commands[name];
if (!command) {
  console.error(usage);
  process.exit(name === '' || name === 'help' || name === '--help' ? 0 : 2);
}

const settings = { ...readDevVars(join(root, '.dev.vars')), ...process.env };
const url = (settings.DOGWATCH_URL ?? settings.PUBLIC_URL ?? 'http://127.0.0.1:8787').replace(/\/+$/, '');
try {
  if (!settings.OPERATOR_TOKEN)
    throw new Error('OPERATOR_TOKEN is not set: put it into the environment or .dev.vars');
  console.log(await command.run(operatorApi(url, settings.OPERATOR_TOKEN), args));
} catch (error) {
  const cause =
    (error as Error).cause instanceof Error ? ` (${((error as Error).cause as Error).message})` : '';
  console.error(`dogwatch ${name}: ${(error as Error).message}${cause}`);
  process.exit(1);
}
