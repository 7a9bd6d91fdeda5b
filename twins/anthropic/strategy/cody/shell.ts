import type { Plan, ToolOutcome } from '../plan.ts';

export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replace(/'/g, `'\\''`)}'`;
}

export const quoteAll = (words: readonly string[]): string => words.map(quote).join(' ');

/** One Bash call. `description` is what a person would call it. */
export function* bash(command: string, description: string, timeoutMs = 120_000): Plan<ToolOutcome> {
  return yield { name: 'Bash', input: { command, description, timeout: timeoutMs } };
}

/** Below the size at which the client shortens a result: the middle is left out, since both ends tell most. */
const headChars = 6_000;
const tailChars = 17_000;
/** The command gets less than the tool call, so that a hanging test is seen as such. */
const commandTimeoutSeconds = 100;
export const runTimeoutMs = 280_000;

/**
 * Prints a command's output within bounds and its exit code on a last line of its own, whatever it does.
 * `around` are lines before and after it that no time limit cuts off.
 */
export function boundedRun(
  command: string,
  remark: string,
  around: { before: string[]; after: string[] },
): string {
  return [
    `# ${remark.replace(/\s+/g, ' ')}`,
    ...around.before,
    `out=$(CI=true NO_COLOR=1 timeout -k 5 ${commandTimeoutSeconds} bash -c ${quote(command)} 2>&1 </dev/null); code=$?`,
    ...around.after,
    `if [ \${#out} -gt ${headChars + tailChars} ]; then printf '%s\\n[... left out ...]\\n%s\\n' "\${out:0:${headChars}}" "\${out: -${tailChars}}"; else printf '%s\\n' "$out"; fi`,
    'echo "[exit code $code]"',
  ].join('\n');
}

export function parseBoundedRun(outcome: ToolOutcome): { output: string; exitCode: number } {
  const match = /\[exit code (\d+)\]\s*$/.exec(outcome.text.trimEnd());
  if (!match) return { output: outcome.text, exitCode: outcome.isError ? 1 : 0 };
  return { output: outcome.text.slice(0, match.index), exitCode: Number(match[1]) };
}
