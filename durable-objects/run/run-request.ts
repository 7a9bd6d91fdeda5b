import type { Agent, CrewManifest } from '../../core/contracts/agent.ts';
import type { RunRequest } from '../../core/contracts/run.ts';
import type { RunSpec } from '../../core/loops/effects.ts';
import { type SessionMessage, sessionMessagesText } from '../../core/text/session-message.ts';
import manifest from '../../crew/manifest.json';
import { continuePrompt } from './run-hand-off.ts';
import type { RunRecord } from './run-record.ts';

/** The model behind each tier. */
const MODEL_OF_TIER: Readonly<Record<Agent['tier'], string>> = {
  cheap: 'claude-haiku-5-5',
  mid: 'claude-sonnet-5-5',
  top: 'claude-opus-5-5',
};

export interface Member {
  agent: Agent;
  model: string;
  /** System prompt: the charter that all read, then the agent's own. */
  charter: string;
}

/** Null: there is no such folder in the crew. */
export function memberOf(group: string, crew: CrewManifest = manifest as CrewManifest): Member | null {
  const agent = Object.hasOwn(crew.agents, group) ? crew.agents[group] : undefined;
  if (agent === undefined) return null;
  return {
    agent,
    model: MODEL_OF_TIER[agent.tier],
    charter: `${crew.globalCharter.trim()}\n\n${agent.charter.trim()}\n`,
  };
}

export function requireMember(group: string): Member {
  const member = memberOf(group);
  if (member === null) throw new Error(`the crew has no ${group}`);
  return member;
}

export const budgetMicroUsd = ({ limits }: Agent): number => Math.round(limits.budgetUsd * 1_000_000);

/** Row B17: what takes longer than this keeps a checklist, and is expected to say so. */
const ESTIMATE_MS = 20 * 60_000;

/** What a run may do that is seen outside while it runs: a rerun may not. */
const OUTWARD = ['relay', 'run_on_host', 'request', 'dispatch', 'remember'];

export type Session = Pick<
  RunRecord,
  'fence' | 'sessions' | 'excusedSessions' | 'checkpoint' | 'budgetMicroUsd' | 'costMicroUsd' | 'rerun'
>;

/** What a runner is told of a heavy run's next session. `said`: messages that came before it. */
export function runRequestOf(
  spec: RunSpec,
  { agent, model, charter }: Member,
  { fence, sessions, excusedSessions, checkpoint, budgetMicroUsd, costMicroUsd, rerun }: Session,
  said: readonly SessionMessage[] = [],
): RunRequest {
  const budget = budgetMicroUsd ?? Math.round(agent.limits.budgetUsd * 1_000_000);
  const prompt =
    sessions > 1 ? continuePrompt(spec.prompt, checkpoint, sessions - excusedSessions) : spec.prompt;
  return {
    id: spec.run,
    fence,
    group: spec.group,
    incident: spec.incident,
    model,
    budgetUsd: Math.max(1, budget - costMicroUsd) / 1_000_000,
    maxTurns: agent.limits.maxTurns,
    timeoutMs: agent.limits.wallClockMs,
    charter,
    prompt: said.length === 0 ? prompt : `${prompt.trimEnd()}\n\n${sessionMessagesText(said)}\n`,
    artifacts: spec.artifacts,
    workspace: spec.workspace,
    fix: spec.fix,
    identity: agent.identity,
    routes: agent.egress,
    credentials: agent.credentials,
    tools: rerun === null ? agent.tools : agent.tools.filter((tool) => !OUTWARD.includes(tool)),
    result: spec.purpose === 'task' ? 'report' : 'fix',
    imageDigest: rerun?.imageDigest ?? null,
    estimateMs: Math.min(ESTIMATE_MS, Math.ceil((agent.limits.wallClockMs * 2) / 3)),
    checkpoint,
    hostRights: { hosts: agent.hosts, reversible: agent.host_commands.reversible },
  };
}
