import type { HookCallback, HookCallbackMatcher, HookEvent } from '@anthropic-ai/claude-agent-sdk';
import { clipValue } from './clip.ts';
import { checkTool } from './guardrails.ts';
import type { AgentEvent } from './task.ts';

const LEDGER_CHARS = 4_096;

/**
 * The tool ledger and the guardrails. Every call is decided here, allowed or denied, so that nothing ever
 * waits for a prompt; a hook that fails blocks the call (`onFailure`).
 */
export function sessionHooks(
  workspaceFolder: string,
  tell: (event: AgentEvent) => void,
): Partial<Record<HookEvent, HookCallbackMatcher[]>> {
  const before: HookCallback = async (input) => {
    if (input.hook_event_name !== 'PreToolUse') return {};
    const { tool_name: name, tool_use_id: id, tool_input } = input;
    const verdict = checkTool(name, tool_input, workspaceFolder);
    const shown = clipValue(tool_input, LEDGER_CHARS);
    if (verdict.allowed) {
      tell({ type: 'tool', id, name, phase: 'requested', input: shown, output: null, durationMs: null });
      return { hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'allow' } };
    }
    const reason = `${verdict.rule}: ${verdict.reason}`;
    tell({ type: 'tool', id, name, phase: 'denied', input: shown, output: reason, durationMs: null });
    return {
      hookSpecificOutput: {
        hookEventName: 'PreToolUse',
        permissionDecision: 'deny',
        permissionDecisionReason: reason,
      },
    };
  };
  const after: HookCallback = async (input) => {
    if (input.hook_event_name === 'PostToolUse') {
      tell({
        type: 'tool',
        id: input.tool_use_id,
        name: input.tool_name,
        phase: 'succeeded',
        input: null,
        output: clipValue(input.tool_response, LEDGER_CHARS),
        durationMs: input.duration_ms === undefined ? null : Math.round(input.duration_ms),
      });
    }
    if (input.hook_event_name === 'PostToolUseFailure') {
      tell({
        type: 'tool',
        id: input.tool_use_id,
        name: input.tool_name,
        phase: 'failed',
        input: null,
        output: clipValue(input.error, LEDGER_CHARS),
        durationMs: input.duration_ms === undefined ? null : Math.round(input.duration_ms),
      });
    }
    return {};
  };
  return {
    PreToolUse: [{ hooks: [before], onFailure: 'block' }],
    PostToolUse: [{ hooks: [after] }],
    PostToolUseFailure: [{ hooks: [after] }],
  };
}
