import type { HostCommandClass } from '../contracts/host-command.ts';
import { COMMAND_TABLE, type CommandLine } from './command-table.ts';
import { fits, type HostLists, type WordKind } from './words.ts';

export type Classified =
  | { class: Exclude<HostCommandClass, 'unlisted'>; command: string }
  /** `nearest`: lines of the same program, else none. */
  | { class: 'unlisted'; command: null; nearest: readonly CommandLine[] };

const allowed = (kind: WordKind | readonly string[], word: string, lists: HostLists): boolean =>
  typeof kind === 'string' ? fits(kind, word, lists) : kind.includes(word);

/** `--tail=5` is `--tail` with 5; only long options are written so. */
function splitLong(word: string): { option: string; value: string | null } {
  const at = word.startsWith('--') ? word.indexOf('=') : -1;
  return at < 0 ? { option: word, value: null } : { option: word.slice(0, at), value: word.slice(at + 1) };
}

/** Whether the words after the start are exactly what the line allows: each option once, no bundles, no `--`. */
function accepts(line: CommandLine, words: readonly string[], lists: HostLists): boolean {
  const given = new Set<string>();
  let operands = 0;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (!word.startsWith('-')) {
      operands += 1;
      if (operands > line.operands.max || !allowed(line.operands.kind, word, lists)) return false;
      continue;
    }
    const { option, value } = splitLong(word);
    const kind = Object.hasOwn(line.options, option) ? line.options[option] : undefined;
    if (kind === undefined || given.has(option)) return false;
    given.add(option);
    if (kind === null) {
      if (value !== null) return false;
      continue;
    }
    const taken = value ?? words[++at];
    if (taken === undefined || !allowed(kind, taken, lists)) return false;
  }
  return (
    operands >= line.operands.min && line.required.every((group) => group.some((option) => given.has(option)))
  );
}

const startsWith = (argv: readonly string[], line: CommandLine): boolean =>
  line.start.every((word, index) => argv[index] === word);

/** Which line of the table a command is, and so of which class. Exact: no shortening, no path of a program. */
export function classifyCommand(argv: readonly string[], lists: HostLists): Classified {
  for (const line of COMMAND_TABLE)
    if (startsWith(argv, line) && accepts(line, argv.slice(line.start.length), lists))
      return { class: line.class, command: line.name };
  return {
    class: 'unlisted',
    command: null,
    nearest: COMMAND_TABLE.filter(({ start }) => start[0] === argv[0]),
  };
}
