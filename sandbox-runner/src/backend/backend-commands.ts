import type { Readable } from 'node:stream';
import { boundedOutput } from './backend-output.ts';
import { treeSteps } from './backend-tree.ts';
import type { CommandResult, CommandSpec } from './sandbox.ts';

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Runs a command in the checkout and gives its exit code; output as it comes. */
export type Execute = (
  command: string[],
  options: { stdin?: Readable; onOutput?: (chunk: Buffer) => void },
) => Promise<number>;

/** Removals per call: an argument list has an end. */
const REMOVALS_AT_ONCE = 200;

async function layOut(spec: CommandSpec, execute: Execute): Promise<void> {
  const must = async (command: string[], stdin?: Readable) => {
    const said = boundedOutput(8_192);
    const options = { onOutput: said.push, ...(stdin ? { stdin } : {}) };
    const exitCode = await execute(command, options);
    if (exitCode !== 0) throw new Error(`${command[0]} ended with ${exitCode}: ${said.text()}`);
  };
  for (const step of await treeSteps(spec)) {
    if (step.kind === 'unpack') {
      const tar = step.open();
      // A tar that breaks off is an archive that failed: that error says more than tar's own.
      const broken = new Promise<never>((_resolve, reject) => tar.on('error', reject));
      broken.catch(() => undefined);
      await Promise.race([must(['tar', '-xf', '-'], tar), broken]);
      continue;
    }
    for (let i = 0; i < step.paths.length; i += REMOVALS_AT_ONCE) {
      await must(['rm', '-f', '--', ...step.paths.slice(i, i + REMOVALS_AT_ONCE)]);
    }
  }
  // Tools that ask Git what they look at find a repository of one commit.
  await must([
    'bash',
    '-c',
    'git init --quiet && git add --all --force && git -c user.name=proof -c user.email=proof@localhost commit --quiet --allow-empty -m checkout',
  ]);
}

/** Lays the tree out, then runs the commands in order until one fails. `timedOut` tells whether the clock ended it. */
export async function runCommands(
  spec: CommandSpec,
  execute: Execute,
  timedOut: () => boolean,
): Promise<CommandResult> {
  const startedAt = performance.now();
  const setup = boundedOutput(MAX_OUTPUT_BYTES);
  const final = boundedOutput(MAX_OUTPUT_BYTES);
  let exitCode = 0;
  let failedSetup = false;
  try {
    await layOut(spec, execute);
    for (const [index, command] of spec.commands.entries()) {
      const last = index === spec.commands.length - 1;
      const output = last ? final : setup;
      if (!last) setup.push(Buffer.from(`$ ${command}\n`));
      exitCode = await execute(['bash', '--noprofile', '--norc', '-c', command], { onOutput: output.push });
      failedSetup = exitCode !== 0 && !last;
      if (exitCode !== 0) break;
    }
  } catch (error) {
    // A container killed by the clock breaks whatever was under way.
    if (!timedOut()) throw error;
    exitCode = 137;
  }
  return {
    exitCode: timedOut() ? 137 : exitCode,
    failedSetup,
    timedOut: timedOut(),
    output: final.text(),
    setupOutput: setup.text(),
    durationMs: Math.round(performance.now() - startedAt),
  };
}
