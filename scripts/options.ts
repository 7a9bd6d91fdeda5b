import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

/** The options of a program that takes no words. `--help` ends it with its usage, and so does a wrong option, which is said (exit code 2). */
export function readOptions<const Options extends ParseArgsOptionsConfig>(usage: string, options: Options) {
  const { values, words } = readArguments(usage, options);
  if (words[0] !== undefined) endWithUsage(`nothing is called ${words[0]}`, usage);
  return values;
}

/** As `readOptions`, for a program that takes words as well. */
export function readArguments<const Options extends ParseArgsOptionsConfig>(usage: string, options: Options) {
  if (process.argv.includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    const { values, positionals: words } = parseArgs({ options, allowPositionals: true });
    return { values, words };
  } catch (error) {
    // What follows is Node's advice on words that look like options.
    endWithUsage((error as Error).message.split('. To specify')[0] ?? '', usage);
  }
}

export function endWithUsage(fault: string, usage: string): never {
  console.error(`${fault}\n\n${usage}`);
  process.exit(2);
}
