import type { AuditSearchInput } from '../../../core/contracts/audit-search.ts';
import type { HandOff } from '../../../core/contracts/hand-off.ts';
import type { RunOnHost } from '../../../core/contracts/host-command.ts';
import type { RequestInput } from '../../../core/contracts/intents.ts';
import type { Usage } from '../../../core/contracts/usage.ts';
import type {
  EventAnswer,
  AgentEvent as SandboxEvent,
  ToolReply as ToolAnswer,
} from '../../image/agent/task.ts';

export type { EventAnswer, SandboxEvent, ToolAnswer };

/**
 * The seam between the runner's service (who may do what, and who hears of it) and the place where an agent
 * runs. Two backends stand behind it: Docker, and for demos a process backend that isolates nothing.
 */
export interface SandboxBackend {
  /** Builds or finds the agent image. `progress` gets a line now and then. Errors say cause and fix. */
  ensureImage(progress: (line: string) => void): Promise<{ tag: string; digest: string }>;
  start(spec: SandboxSpec, handlers: SandboxHandlers): Promise<Sandbox>;
  /**
   * Takes a session back that an earlier process of this runner began and that lives on; null where none does.
   * Before `reapOrphans`, which removes what was not taken back. `timeoutMs`: what is left of it.
   */
  takeBack?(spec: SandboxSpec, handlers: SandboxHandlers): Promise<Sandbox | null>;
  /** Runs commands on a clean checkout, with no gateway but the package registry: for proofs. */
  runCommand(spec: CommandSpec): Promise<CommandResult>;
  /** Removes containers and networks that an earlier process of this runner left behind. */
  reapOrphans(): Promise<string[]>;
  /** What makes this backend weaker than it should be, each with its way out; for the health report. */
  problems(): string[];
  /** Looks whether the place is there, for `problems`; true when it is back after it was away. */
  look?(): Promise<boolean>;
  /** How strong the walls are where that depends on the engine; for the health report. */
  notes?(): string[];
  close(): Promise<void>;
}

export interface SandboxSpec {
  run: string;
  fence: number;
  group: string;
  model: string;
  budgetUsd: number;
  maxTurns: number;
  timeoutMs: number;
  charter: string;
  prompt: string;
  /** Null: no repository; an empty workspace. */
  workspace: { project: string; repository: string; ref: string; commit: string } | null;
  identity: { name: string; email: string };
  routes: string[];
  /** Credentials, by name, that the gateway may add for this run. */
  credentials: string[];
  tools: string[];
  result: 'fix' | 'report';
  /** The runner's own bare mirror of the repository, with the commit in it; asked when it is needed, never without one. */
  mirror: () => Promise<string>;
  /** Another image than today's, by its digest. */
  imageDigest?: string | null;
  /** Where an earlier session stopped. */
  checkpoint?: { head: string; uncommitted: string | null; bundle: Uint8Array | null } | null;
  /** What an earlier process of this runner counted for the same session. */
  spentMicroUsd?: number;
}

export interface SandboxHandlers {
  /** An MCP call of the agent; the answer goes back to it as text. */
  onTool(call: ToolCall): Promise<ToolAnswer>;
  onEvent(event: SandboxEvent): void;
  /** Asked after `onEvent`: what the agent program has to obey. */
  judge?(event: SandboxEvent): EventAnswer;
  /** Called by the gateway for each model call that was answered. */
  onUsage(usage: Usage): void;
  /** Waits until a model call may be made for this run; false: never again. Absent: always. */
  mayCall?(): Promise<boolean>;
}

export type ToolCall =
  | { tool: 'run_on_host'; key: string; input: RunOnHost }
  | { tool: 'audit_search'; key: string; input: AuditSearchInput }
  | { tool: 'relay'; key: string; input: { to: string; text: string } }
  | { tool: 'report'; key: string; input: unknown }
  | { tool: 'request'; key: string; input: RequestInput }
  | {
      tool: 'read_artifact';
      key: string;
      input: { name: string; fromLine?: number; toLine?: number; search?: string };
    }
  | {
      tool: 'submit_fix';
      key: string;
      input: { title: string; rootCause: string; fixSummary: string; proof: 'test' | 'command' };
      /** A Git bundle of the commits since the base, on the runner's disk, as the container sent it. */
      bundlePath: string;
      head: string;
    }
  | {
      tool: 'checkpoint';
      key: string;
      /** Null: the machinery keeps the work; the agent wrote nothing. */
      input: (HandOff & { final: boolean }) | null;
      head: string;
      uncommitted: string | null;
      /** A Git bundle, as the container sent it; empty: nothing was done. Only a container ever unpacks it. */
      bundle: Uint8Array<ArrayBuffer>;
    };

export interface SandboxEnd {
  reason:
    | 'completed'
    | 'budget'
    | 'timeout'
    | 'out_of_memory'
    | 'crashed'
    | 'canceled'
    | 'start_failed'
    /** The place broke, not the session. */
    | 'interrupted';
  detail: string;
  turns: number;
  durationMs: number;
  /** The session's transcript on the runner's disk; null when it never started. */
  transcriptPath: string | null;
}

export interface Sandbox {
  container: string;
  imageTag: string;
  imageDigest: string;
  ended: Promise<SandboxEnd>;
  kill(reason: 'canceled' | 'timeout'): Promise<void>;
}

export interface CommandSpec {
  /** Names the container, for logs and reaping. */
  label: string;
  /** A bare repository on the runner's disk; the container gets a copy of one tree, never the repository. */
  repository: string;
  commit: string;
  /** Files of other commits laid over the checkout (`null` removes): for "base plus only the fix's tests". */
  overlay: { path: string; fromCommit: string | null }[];
  /** Run in order with bash in the checkout; the last one is the one whose result counts. */
  commands: string[];
  timeoutMs: number;
}

export interface CommandResult {
  /** Of the last command, or of an earlier one that failed (`failedSetup`). */
  exitCode: number;
  failedSetup: boolean;
  timedOut: boolean;
  /** All output of the last command, stdout and stderr interleaved, at most 16 MB. */
  output: string;
  setupOutput: string;
  durationMs: number;
}
