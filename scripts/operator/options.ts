/**
 * Reads `--name VALUE` and `--flag` from a command's arguments. Throws on an option that the command does not
 * have, and on one without its value.
 */
export function readOptions(
  args: readonly string[],
  known: { values?: readonly string[]; flags?: readonly string[] },
): { rest: string[]; values: Record<string, string>; flags: Set<string> } {
  const rest: string[] = [];
  const values: Record<string, string> = {};
  const flags = new Set<string>();
  for (let n = 0; n < args.length; n++) {
    const arg = args[n] ?? '';
    if (!arg.startsWith('--')) {
      rest.push(arg);
      continue;
    }
    const name = arg.slice(2);
    if (known.flags?.includes(name)) flags.add(name);
    else if (known.values?.includes(name)) {
      n += 1;
      const value = args[n];
      if (value === undefined || value.startsWith('--')) throw new Error(`--${name} needs a value`);
      values[name] = value;
    } else {
      const names = [
        ...(known.values ?? []).map((one) => `--${one} …`),
        ...(known.flags ?? []).map((one) => `--${one}`),
      ].join(', ');
      throw new Error(`there is no option --${name}${names === '' ? '' : `; there is ${names}`}`);
    }
  }
  return { rest, values, flags };
}
