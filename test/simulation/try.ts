import { runSeed } from './seed.ts';
import { NO_FAULTS } from './faults.ts';
const [from, to, mode] = process.argv.slice(2);
const t0 = process.hrtime.bigint();
for (let s = Number(from); s <= Number(to); s++) {
  const t = process.hrtime.bigint();
  const r = mode === 'none' ? await runSeed(s, NO_FAULTS) : await runSeed(s);
  process.stdout.write(`seed ${s} ${Number(process.hrtime.bigint() - t) / 1e6 | 0} ms trace ${r.trace.length} ${JSON.stringify(r.figures)} ${r.violations.join('\n')}\n`);
  if (process.argv[5] === 'trace' || (r.violations.length && from === to)) process.stdout.write(r.trace.join('\n') + '\n');
}
process.stdout.write(`total ${Number(process.hrtime.bigint() - t0) / 1e6 | 0} ms\n`);
