import type { Stage } from './stage.ts';
import type { Terminal } from './terminal.ts';

interface RunView {
  events: { fence: number; seq: number; type: string; data: unknown }[];
}

interface ToolEvent {
  name: string;
  phase: 'requested' | 'denied' | 'succeeded' | 'failed';
  input: string | null;
  durationMs: number | null;
}

/** What an agent does in its session, one line per finished tool call. */
export function watchRuns(stage: Stage, terminal: Terminal): (run: string, who: string) => Promise<void> {
  const shown = new Map<string, number>();
  const inputs = new Map<string, string>();
  return async (run, who) => {
    const { events } = await stage.api.get<RunView>(`/api/runs/${run}`);
    const from = shown.get(run) ?? 0;
    for (const { type, data } of events.slice(from)) {
      if (type !== 'tool') continue;
      const tool = data as ToolEvent & { id: string };
      if (tool.phase === 'requested') {
        inputs.set(tool.id, inputOf(tool));
        continue;
      }
      const took = tool.durationMs === null ? '' : `, ${(tool.durationMs / 1_000).toFixed(1)} s`;
      const outcome = tool.phase === 'succeeded' ? '' : ` ${tool.phase}`;
      const name = tool.name.replace(/^mcp__dogwatch__/, '');
      terminal.line(who, `  ${name} ${inputs.get(tool.id) ?? inputOf(tool)}${outcome}${took}`);
    }
    shown.set(run, events.length);
  };
}

const WIDTH = 100;

/** The part of a tool's input that tells what it does: a command, a file, a title. */
function inputOf({ input }: ToolEvent): string {
  let told = input ?? '';
  try {
    const parsed = JSON.parse(told) as Record<string, unknown>;
    const part = [
      parsed.command,
      parsed.file_path,
      parsed.pattern,
      parsed.title,
      parsed.outcome,
      parsed.name,
    ];
    told = String(part.find((value) => typeof value === 'string') ?? '');
  } catch {
    // A long input is cut and no longer JSON; it is shown as it is.
  }
  const line = told
    .split('\n')
    .filter((one) => one.trim() !== '' && !one.startsWith('#'))
    .join('; ');
  return line.length > WIDTH ? `${line.slice(0, WIDTH - 1)}…` : line;
}
