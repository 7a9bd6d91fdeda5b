import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { scenarioNames } from './demo/scenarios/names.ts';
import { root } from './dev/worker-process.ts';
import { exitWhenWritten } from './exit-when-written.ts';

/**
 * `node scripts/record-journals.ts [--as NAME] [SCENARIO …]` plays demo scenarios and keeps their journals as
 * test/fixtures/journals/<scenario><NAME>.json. A kept journal is never recorded over: give the new one a name,
 * so that what older versions wrote stays readable.
 */
const args = process.argv.slice(2);
const named = args[0] === '--as' ? args.splice(0, 2)[1] : undefined;
const wanted = args.length > 0 ? args : [...scenarioNames];
const folder = join(root, 'test/fixtures/journals');
mkdirSync(folder, { recursive: true });
let failed = 0;
for (const scenario of wanted) {
  const file = join(folder, `${scenario}${named ? `-${named}` : ''}.json`);
  if (existsSync(file)) {
    console.error(`${file} is kept already; give the new one a name with --as`);
    failed += 1;
    continue;
  }
  const demo = [join(root, 'scripts/demo.ts'), '--scenario', scenario, '--journal', file];
  const { status } = spawnSync(process.execPath, demo, { cwd: root, stdio: 'inherit' });
  if (status !== 0) failed += 1;
}
await exitWhenWritten(failed === 0 ? 0 : 1);
