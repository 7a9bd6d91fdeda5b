import type {
  HookCallback,
  HookCallbackMatcher,
  HookEvent,
  HookJSONOutput,
} from '@anthropic-ai/claude-agent-sdk';
import { clipValue } from './clip.ts';
import { checkTool } from './guardrails.ts';
import type { AgentEvent, EventAnswer, WorkspaceLook } from './task.ts';

const LEDGER_CHARS = 4_096;
/** Calls that may change files. */
const CHANGING = new Set(['Bash', 'Edit', 'Write']);
/** A runner that is restarted takes a while; a hook without an answer blocks. Longer than the door's own patience. */
const HOOK_TIMEOUT_S = 6 * 60;

export interface HookDeps {
  /** Puts a line on the ledger; rejects when it did not arrive. */
  tell(event: AgentEvent): Promise<EventAnswer>;
  look(): Promise<WorkspaceLook | null>;
  /** Keeps the work outside the container. */
  keep(): Promise<void>;
}

const msOf = (durationMs: number | undefined): number | null =>
  durationMs === undefined ? null : Math.round(durationMs);

/**
 * The tool ledger and the guardrails. Every call is decided here and by the runner, which is asked before each:
 * allowed or denied, so that nothing ever waits for a prompt; a hook that fails blocks the call (`onFailure`).
 */
export function sessionHooks(
  workspaceFolder: string,
  { tell, look, keep }: HookDeps,
): Partial<Record<HookEvent, HookCallbackMatcher[]>> {
  const before: HookCallback = async (input) => {
    if (input.hook_event_name !== 'PreToolUse') return {};
    const { tool_name: name, tool_use_id: id, tool_input } = input;
    const shown = clipValue(tool_input, LEDGER_CHARS);
    const line = { type: 'tool' as const, id, name, input: shown, durationMs: null };
    const deny = async (reason: string): Promise<HookJSONOutput> => {
      const { notice } = await tell({ ...line, phase: 'denied', output: reason });
      return {
        hookSpecificOutput: {
          hookEventName: 'PreToolUse',
          permissionDecision: 'deny',
          permissionDecisionReason: reason,
          ...(notice === undefined ? {} : { additionalContext: notice }),
        },
      };
    };
    const verdict = checkTool(name, tool_input, workspaceFolder);
    if (!verdict.allowed) return deny(`${verdict.rule}: ${verdict.reason}`);
    const { block, notice } = await tell({ ...line, phase: 'requested', output: null });
    if (block !== undefined) return deny(block);
    return {
      hookSpecificOutput: {
        hookEventName: 'PreToolUse',
        permissionDecision: 'allow',
        ...(notice === undefined ? {} : { additionalContext: notice }),
      },
    };
  };

  const after: HookCallback = async (input) => {
    const failed = input.hook_event_name === 'PostToolUseFailure';
    if (!failed && input.hook_event_name !== 'PostToolUse') return {};
    const { notice, checkpoint } = await tell({
      type: 'tool',
      id: input.tool_use_id,
      name: input.tool_name,
      phase: failed ? 'failed' : 'succeeded',
      input: null,
      output: clipValue(failed ? input.error : input.tool_response, LEDGER_CHARS),
      durationMs: msOf(input.duration_ms),
      workspace: CHANGING.has(input.tool_name) ? await look() : null,
    });
    // What could not be kept now is kept after the next call.
    if (checkpoint) await keep().catch(() => undefined);
    if (notice === undefined) return {};
    return { hookSpecificOutput: { hookEventName: input.hook_event_name, additionalContext: notice } };
  };

  /** What the session knew is gone but for a summary: what it wrote down is read again (row B17). */
  const compacted: HookCallback = async (input) => {
    if (input.hook_event_name !== 'SessionStart' || input.source !== 'compact') return {};
    const { notice } = await tell({ type: 'compacted' });
    if (notice === undefined) return {};
    return { hookSpecificOutput: { hookEventName: 'SessionStart', additionalContext: notice } };
  };

  /** What was written to the session while its model finished is still for it. */
  const stopping: HookCallback = async (input) => {
    if (input.hook_event_name !== 'Stop') return {};
    const { notice } = await tell({ type: 'stopping' });
    if (notice === undefined) return {};
    return { hookSpecificOutput: { hookEventName: 'Stop', additionalContext: notice } };
  };

  return {
    PreToolUse: [{ hooks: [before], timeout: HOOK_TIMEOUT_S, onFailure: 'block' }],
    PostToolUse: [{ hooks: [after], timeout: HOOK_TIMEOUT_S }],
    PostToolUseFailure: [{ hooks: [after], timeout: HOOK_TIMEOUT_S }],
    Stop: [{ hooks: [stopping], timeout: HOOK_TIMEOUT_S }],
    SessionStart: [{ hooks: [compacted], timeout: HOOK_TIMEOUT_S }],
  };
}
