import { styleText } from 'node:util';

/** The demo's terminal: one line per thing that happens, with who and when. */
export interface Terminal {
  /** Time is counted from this moment on; before it lines have no time. */
  startClock(): void;
  elapsedMs(): number;
  line(who: string, text: string): void;
  title(text: string): void;
  plain(text: string): void;
}

type Colour = Parameters<typeof styleText>[0];

const COLOURS: Record<string, Colour> = {
  Ryan: 'cyan',
  Cody: 'magenta',
  Jan: 'yellow',
  Dana: 'yellow',
  Dogwatch: 'green',
  Telegram: 'blue',
  Azure: 'gray',
  setup: 'gray',
};

export function createTerminal(out: NodeJS.WriteStream, quiet = false): Terminal {
  let startedMs: number | null = null;
  const elapsedMs = () => (startedMs === null ? 0 : performance.now() - startedMs);
  const write = (text: string) => {
    if (!quiet) out.write(`${text}\n`);
  };
  const paint = (colour: Colour, text: string) => (out.isTTY ? styleText(colour, text) : text);
  return {
    startClock: () => {
      startedMs ??= performance.now();
    },
    elapsedMs,
    line(who, text) {
      const time = startedMs === null ? '       ' : `${(elapsedMs() / 1_000).toFixed(1).padStart(6)}s`;
      const [first = '', ...rest] = text.split('\n');
      write(`${paint('gray', time)}  ${paint(COLOURS[who] ?? 'white', who.padEnd(9))} ${first}`);
      for (const more of rest) write(`${' '.repeat(19)}${more}`);
    },
    title: (text) => write(`\n${paint('bold', text)}`),
    plain: write,
  };
}
