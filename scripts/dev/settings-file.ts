import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { WORKER_SETTINGS } from '../../core/contracts/worker-settings.ts';

/** Settings as the Worker will see them: the process environment first, then `.dev.vars`. */
export function mergeSettings(
  environment: Record<string, string | undefined>,
  devVars: Record<string, string | undefined>,
): Record<string, string> {
  const merged: Record<string, string> = {};
  for (const [name, value] of Object.entries(devVars)) if (value !== undefined) merged[name] = value;
  for (const name of WORKER_SETTINGS) {
    const value = environment[name];
    if (value !== undefined) merged[name] = value;
  }
  return merged;
}

/** One line of a dotenv file. Values hold JSON, so the quote is one that the value does not contain. */
export function formatSetting(name: string, value: string): string {
  const quote = ["'", '`', '"'].find((candidate) => !value.includes(candidate));
  if (quote === undefined) throw new Error(`${name} contains every kind of quote and cannot be passed on`);
  return `${name}=${quote}${value}${quote}`;
}

export function readDevVars(path: string): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/** Removes the files of processes that were killed before they could: they hold secrets. */
export function removeStaleSettings(folder: string): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const owner = Number(/^settings-(\d+)-/.exec(name)?.[1]);
    if (owner && !isAlive(owner)) rmSync(join(folder, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** wrangler reads settings from a file only (`--var` would show them in argv): a private one, removed at the end. */
export function writePrivateSettings(path: string, settings: Record<string, string>): () => void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });
  const lines = Object.entries(settings).map(([name, value]) => formatSetting(name, value));
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 });
  return () => rmSync(path, { force: true });
}
