import type { RunSpec } from '../../core/loops/effects.ts';
import type { LightTool } from '../../workers/adapters/anthropic.ts';

/** Per call: about 4,000 tokens, so that a whole run stays affordable. */
const MAX_LINES = 400;
const MAX_CHARS = 16_000;

export interface LineRange {
  fromLine: number;
  toLine: number;
}

/** What the model asked for, made to fit: whole numbers, in order, bounded. Null: not a range. */
export function parseRange(input: unknown): LineRange | null {
  if (typeof input !== 'object' || input === null) return null;
  const { fromLine, toLine } = input as { fromLine?: unknown; toLine?: unknown };
  if (!Number.isInteger(fromLine) || !Number.isInteger(toLine)) return null;
  const from = Math.max(1, fromLine as number);
  return { fromLine: from, toLine: Math.min(toLine as number, from + MAX_LINES - 1) };
}

/** Numbered lines of a log, fenced as data. The fence's id is one that the log cannot know. */
export function formatLines(log: string, { fromLine, toLine }: LineRange, fenceId: string): string {
  const lines = log.split('\n');
  const total = lines.at(-1) === '' ? lines.length - 1 : lines.length;
  let text = '';
  let last = fromLine - 1;
  for (let n = fromLine; n <= Math.min(toLine, total); n++) {
    const line = `${n}: ${lines[n - 1] ?? ''}\n`;
    if (text.length + line.length > MAX_CHARS && text !== '') break;
    text += line.slice(0, MAX_CHARS);
    last = n;
  }
  const head = `Lines ${fromLine}-${last} of ${total}.`;
  return `${head}\n<untrusted source="failed-step-log" id="${fenceId}">\n${text}</untrusted id="${fenceId}">`;
}

/** `read_log`: any lines of the complete log of the failed step; null when the run has no log. */
export function readLogTool(
  spec: RunSpec,
  load: (sha256: string) => Promise<string | null>,
): LightTool | null {
  const artifact = spec.artifacts.find(({ name }) => name === 'failed-step-log');
  if (!artifact) return null;
  let log: Promise<string | null> | null = null;
  return {
    name: 'read_log',
    description: `Reads lines of the complete log of the failed step, at most ${MAX_LINES} at a time. The first line is 1.`,
    inputSchema: {
      type: 'object',
      properties: {
        fromLine: { type: 'integer', minimum: 1 },
        toLine: { type: 'integer', minimum: 1 },
      },
      required: ['fromLine', 'toLine'],
      additionalProperties: false,
    },
    async use(input) {
      const range = parseRange(input);
      if (range === null) return { text: 'Give fromLine and toLine as whole numbers.', isError: true };
      log ??= load(artifact.sha256);
      const text = await log;
      if (text === null) return { text: 'The log is not available.', isError: true };
      return { text: formatLines(text, range, artifact.sha256.slice(0, 16)), isError: false };
    },
  };
}
