import type { RunEndReason } from '../../../core/contracts/run.ts';
import {
  decideHandOff,
  isCheckpointDue,
  isOvertime,
  MAX_FILES_IN_A_STEP,
} from '../../../core/governors/pace.ts';
import { decideProgress, noProgress } from '../../../core/governors/progress.ts';
import { decideCommand, decideOutcome, noRepeats } from '../../../core/governors/repeats.ts';
import { isTestCommand, testOutcome } from '../../../core/governors/test-outcomes.ts';
import { checkTool } from '../../image/agent/guardrails.ts';
import type { EventAnswer, SandboxEvent } from '../backend/sandbox.ts';
import type { SessionMessages } from './session-messages.ts';

type ToolEvent = Extract<SandboxEvent, { type: 'tool' }>;

export interface WatchDeps {
  startedAtMs: number;
  timeoutMs: number;
  estimateMs: number | null;
  failedCommand: string | null;
  /** Where the checkout is in the container. */
  workspaceFolder: string;
  mayCheckpoint: boolean;
  messages: Pick<SessionMessages, 'isWaiting' | 'take'>;
  alert(rule: string, text: string): void;
  stop(reason: RunEndReason, detail: string): void;
}

/** Refusals that say a name was mistyped, not that something dangerous was tried. */
const HARMLESS = ['unknown_tool', 'bad_input', 'repeated', 'message'];
/** What goes out of the session: what was said to it must be known before. */
const OUTWARD = ['report', 'submit_fix', 'relay', 'run_on_host', 'request'].map(
  (tool) => `mcp__dogwatch__${tool}`,
);
const INPUT_CHARS = 500;

function fieldsOf(input: string | null): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(input ?? '');
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    // Longer than the ledger keeps: what can be judged is its text.
    return {};
  }
}

/**
 * The guardrails of one session (row C5), on the trusted side: sees each line of its ledger and says what the agent
 * program has to do. The container's own guard decides first; it may have been tampered with, this one cannot be.
 */
export class SessionWatch {
  readonly #deps: WatchDeps;
  readonly #calls = new Map<string, { name: string; input: string; command: string | null }>();
  readonly #tests = new Map<string, string>();
  readonly #told = new Set<string>();
  readonly #notices: string[] = [];
  #repeats = noRepeats;
  #progress = noProgress;
  #itemsDone = 0;
  #turns = 0;
  #compactions = 0;
  #workspace: { digest: string; files: number } | null = null;
  #kept: { digest: string | null; turn: number } = { digest: null, turn: 0 };
  #keepNow = false;

  constructor(deps: WatchDeps) {
    this.#deps = deps;
  }

  /** The agent's checklist, whenever it writes it down. */
  itemsDone(count: number): void {
    this.#itemsDone = Math.max(this.#itemsDone, count);
  }

  /** To be kept with the next call, whatever is due: the runner is about to end. */
  keepNow(notice: string): void {
    this.#keepNow = true;
    this.#notices.push(notice);
  }

  kept(): void {
    this.#kept = { digest: this.#workspace?.digest ?? null, turn: this.#turns };
    this.#keepNow = false;
  }

  /** Whether the session is in its last minutes: then a fresh one should go on, not this one. */
  handOffDue(nowMs: number): boolean {
    return decideHandOff(nowMs - this.#deps.startedAtMs, this.#deps.timeoutMs, this.#compactions) !== null;
  }

  judge(event: SandboxEvent, nowMs: number): EventAnswer {
    this.#lookAtTime(nowMs);
    switch (event.type) {
      case 'tool':
        return this.#onTool(event, nowMs);
      case 'turn':
        this.#onTurn(event.turns);
        return {};
      case 'compacted':
        this.#compactions += 1;
        this.#lookAtTime(nowMs);
        return this.#answer({});
      case 'stopping':
        return this.#answer({});
      case 'said':
        return {};
    }
  }

  #onTool(event: ToolEvent, nowMs: number): EventAnswer {
    switch (event.phase) {
      case 'requested':
        return this.#onRequest(event, nowMs);
      case 'denied':
        this.#onDenied(event);
        return this.#answer({});
      case 'succeeded':
      case 'failed':
        this.#onDone(event);
        return this.#answer({ checkpoint: this.#mustKeep() });
    }
  }

  #onRequest({ id, name, input }: ToolEvent, nowMs: number): EventAnswer {
    const fields = fieldsOf(input);
    const command = name === 'Bash' && typeof fields.command === 'string' ? fields.command : null;
    this.#calls.set(id, { name, input: command ?? input ?? '', command });
    if (Object.keys(fields).length > 0) {
      const verdict = checkTool(name, fields, this.#deps.workspaceFolder);
      if (!verdict.allowed) return { block: `${verdict.rule}: ${verdict.reason}` };
    }
    if (OUTWARD.includes(name) && this.#deps.messages.isWaiting)
      return {
        block: `message: read this before it goes out, then decide anew.\n${this.#deps.messages.take() ?? ''}`,
      };
    if (command === null) return this.#answer({});
    const { state, blocked } = decideCommand(this.#repeats, command, nowMs);
    this.#repeats = state;
    if (!blocked) return this.#answer({});
    return {
      block:
        'repeated: this very command ran 5 times in the last 10 minutes. Running it again shows nothing new: change something first, or end with what you know.',
    };
  }

  #onDenied({ id, name, input, output }: ToolEvent): void {
    const call = this.#calls.get(id) ?? { name, input: input ?? '' };
    const reason = output ?? '';
    const rule = /^[a-z_]+(?=:)/.exec(reason)?.[0] ?? 'denied';
    if (!HARMLESS.includes(rule))
      this.#deps.alert(rule, `A call was refused: ${(input ?? '').slice(0, INPUT_CHARS)}`);
    this.#countOutcome(call, reason);
  }

  #onDone({ id, name, phase, output, workspace }: ToolEvent): void {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    const failed = phase === 'failed';
    if (call) this.#countOutcome(call, failed ? (output ?? '') : null);
    if (call?.command && isTestCommand(call.command, this.#deps.failedCommand))
      this.#tests.set(call.command, testOutcome(output ?? '', !failed));
    if (workspace) this.#lookAtFiles(name, workspace);
  }

  #countOutcome(call: { name: string; input: string }, error: string | null): void {
    const { state, stuck } = decideOutcome(this.#repeats, { ...call, error });
    this.#repeats = state;
    if (stuck)
      this.#deps.stop(
        'stuck',
        `The same call failed in the same way more than 5 times: ${call.name} ${call.input.slice(0, INPUT_CHARS)}`,
      );
  }

  #lookAtFiles(tool: string, workspace: { digest: string; files: number }): void {
    const added = workspace.files - (this.#workspace?.files ?? 0);
    this.#workspace = workspace;
    if (added <= MAX_FILES_IN_A_STEP) return;
    this.#notices.push(
      `Guardrail: this step changed ${added} files. If that was not meant, undo it; a fix touches few files.`,
    );
    this.#deps.alert('many_files', `One ${tool} call changed ${added} files in the workspace.`);
  }

  #onTurn(turns: number): void {
    this.#turns = turns;
    const signs = {
      itemsDone: this.#itemsDone,
      workspace: this.#workspace?.digest ?? null,
      tests: [...this.#tests].map(([command, outcome]) => `${command}: ${outcome}`).join('\n'),
    };
    const { state, decision } = decideProgress(this.#progress, turns, signs);
    this.#progress = state;
    if (decision === 'warn')
      this.#notices.push(
        'Guardrail: 30 turns without progress (no file changed, no test outcome changed, no checklist item done). Think anew, or end with what you know; 20 more such turns end this session.',
      );
    if (decision === 'end')
      this.#deps.stop('stuck', '50 turns without a changed file, a changed test outcome or a finished item');
  }

  #lookAtTime(nowMs: number): void {
    const { startedAtMs, estimateMs, timeoutMs } = this.#deps;
    const elapsedMs = nowMs - startedAtMs;
    if (estimateMs !== null && isOvertime(elapsedMs, estimateMs)) {
      const minutes = (ms: number) => Math.round(ms / 60_000);
      this.#once('overtime', () =>
        this.#deps.alert(
          'overtime',
          `The session has taken ${minutes(elapsedMs)} minutes, more than 120% of the ${minutes(estimateMs)} expected. It may take ${minutes(timeoutMs)}.`,
        ),
      );
    }
    const due = this.#deps.mayCheckpoint ? decideHandOff(elapsedMs, timeoutMs, this.#compactions) : null;
    if (due === null) return;
    this.#once(`hand_off:${due}`, () => {
      this.#keepNow = true;
      this.#notices.push(
        `${due === 'context' ? 'Your context is nearly full' : 'The time of this session is nearly over'}. If you cannot report your result with the next calls: commit what is good and call checkpoint with final: true. A fresh session goes on from your hand-off.`,
      );
    });
  }

  #once(what: string, work: () => void): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    work();
  }

  #mustKeep(): boolean {
    if (!this.#deps.mayCheckpoint) return false;
    const turns = this.#turns - this.#kept.turn;
    return this.#keepNow || isCheckpointDue(turns, this.#workspace?.digest ?? null, this.#kept.digest);
  }

  #answer({ checkpoint = false }: { checkpoint?: boolean }): EventAnswer {
    const said = this.#deps.messages.take();
    const notices = [...this.#notices.splice(0), ...(said === null ? [] : [said])];
    return {
      ...(notices.length === 0 ? {} : { notice: notices.join('\n\n') }),
      ...(checkpoint ? { checkpoint } : {}),
    };
  }
}
