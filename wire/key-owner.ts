/**
 * Whose key this is: a runner's keys are called by its name, `name` or `name.suffix` (two while one is rotated).
 * Where one runner's name begins with another's, the longer one owns the key. Null: it is nobody's.
 */
export function ownerOfKey(keyId: string, runners: readonly string[]): string | null {
  const owners = runners.filter((name) => keyId === name || keyId.startsWith(`${name}.`));
  return owners.sort((a, b) => b.length - a.length)[0] ?? null;
}
