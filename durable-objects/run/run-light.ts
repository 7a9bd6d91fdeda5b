import type { Usage } from '../../core/contracts/usage.ts';
import { AnthropicError, askForResult, type LightRequest } from '../../workers/adapters/anthropic.ts';
import { getArtifact } from '../../workers/artifacts.ts';
import { anthropicSettings, type Env, SettingError } from '../../workers/env.ts';
import { auditSearchTool } from './run-audit-tool.ts';
import { type DispatchDeps, dispatchTool } from './run-dispatch-tool.ts';
import { readLogTool } from './run-log-tool.ts';
import { type RunEnd, type RunRecord, resultSchemaOf } from './run-record.ts';
import type { Member } from './run-request.ts';

const MAX_TOOL_CALLS = 6;
const MAX_OUTPUT_TOKENS = 8_000;

/** Why `signal` was aborted when the run's budget is spent. */
export const BUDGET_SPENT = 'the budget of this run is spent';

export interface LightDeps {
  signal: AbortSignal;
  onUsage(usage: Usage): void;
  onToolCall: LightRequest<unknown>['onToolCall'];
  newMessages: LightRequest<unknown>['newMessages'];
  dispatch: DispatchDeps['dispatch'];
  leftMicroUsd: DispatchDeps['leftMicroUsd'];
}

/** One light run from prompt to end. Never throws: what failed outside is an end as well. */
export async function runLight(
  env: Env,
  record: RunRecord,
  member: Member,
  deps: LightDeps,
): Promise<RunEnd> {
  try {
    const { dispatch, leftMicroUsd, ...calls } = deps;
    const readLog = readLogTool(record.spec, async (sha256) => {
      const found = await getArtifact(env.ARTIFACTS, sha256);
      return found === null ? null : found.text();
    });
    // Of a run that is done again nothing may come.
    const dispatching =
      record.rerun === null ? dispatchTool({ env, spec: record.spec, dispatch, leftMicroUsd }) : null;
    // A run that judges reads what strangers wrote, and nothing else.
    const auditSearch = record.spec.purpose === 'task' ? auditSearchTool(env, record.spec.run) : null;
    const tools = [readLog, dispatching, auditSearch].filter((tool) => tool !== null);
    const { baseUrl, apiKey } = anthropicSettings(env);
    const answer = await askForResult({
      apiKey,
      baseUrl,
      model: record.model,
      charter: member.charter,
      prompt: record.spec.prompt,
      schema: resultSchemaOf(record.spec.purpose),
      tools: tools.filter(({ name }) => member.agent.tools.includes(name)),
      maxToolCalls: MAX_TOOL_CALLS,
      maxOutputTokens: MAX_OUTPUT_TOKENS,
      now: Date.now,
      ...calls,
    });
    if (answer.ok) return { ok: true, result: answer.value };
    return { ok: false, reason: 'invalid_result', detail: answer.detail, invalid: answer.value };
  } catch (error) {
    if (deps.signal.reason === BUDGET_SPENT) return { ok: false, reason: 'budget', detail: BUDGET_SPENT };
    if (error instanceof AnthropicError || error instanceof SettingError)
      return { ok: false, reason: 'provider', detail: error.message };
    console.error('light run', error);
    return { ok: false, reason: 'crashed', detail: String(error).slice(0, 500) };
  }
}
