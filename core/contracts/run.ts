import { z } from 'zod';
import { artifactSchema, commitSchema } from './artifact.ts';
import { checkpointSchema } from './hand-off.ts';
import { hostCommandRecordSchema, hostRightsSchema } from './host-command.ts';
import { idSchema } from './ids.ts';
import { intentSchema } from './intents.ts';
import { usageSchema } from './usage.ts';

/** Twice what Telegram lets a person write at once. */
export const MAX_MESSAGE_CHARS = 8_192;

const messageIdSchema = z.string().regex(/^[\w-]{1,80}$/);

/** Body of `PUT /v1/runs/{id}/messages/{message}`: it reaches the next turn of the session under this fence. */
export const runMessageSchema = z.object({
  id: messageIdSchema,
  fence: z.number().int().positive(),
  from: z.string().min(1).max(64),
  text: z.string().min(1).max(MAX_MESSAGE_CHARS),
  /** When it was written, epoch milliseconds. */
  at: z.number().int(),
});
export type RunMessage = z.infer<typeof runMessageSchema>;

/** Where a fix may go. Trusted code decides it; the agent only hears of it. */
export const fixTargetSchema = z.object({
  /** The ref to push to: `refs/heads/fix/ci-…` or the feature branch itself. */
  ref: z.string().startsWith('refs/heads/'),
  /** What that ref must point at now; null: it must not exist yet. */
  expected: commitSchema.nullable(),
  /** The commit the fix builds on. */
  base: commitSchema,
  defaultBranch: z.string().startsWith('refs/heads/'),
  /** Path patterns that need permission of their own (`*` within a folder, `**` across). */
  forbiddenPaths: z.array(z.string()),
  maxFiles: z.number().int().positive(),
});
export type FixTarget = z.infer<typeof fixTargetSchema>;

export const stepKindSchema = z.enum(['test', 'lint', 'types', 'build', 'dependencies', 'other']);
export type StepKind = z.infer<typeof stepKindSchema>;

/** The failed step, as trusted code found it in the timeline and its log. */
export const failedStepSchema = z.object({
  name: z.string(),
  command: z.string().nullable(),
  kind: stepKindSchema,
});
export type FailedStep = z.infer<typeof failedStepSchema>;

/** Body of `PUT /v1/runs/{id}`: one heavy agent session. Holds no secret: credentials go by name. */
export const runRequestSchema = z.object({
  id: idSchema('run'),
  fence: z.number().int().positive(),
  group: z.string().min(1).max(64),
  incident: idSchema('inc'),
  model: z.string().min(1).max(100),
  budgetUsd: z.number().positive(),
  maxTurns: z.number().int().positive(),
  /** Wall clock of the session. */
  timeoutMs: z.number().int().positive(),
  /** System prompt: the global charter and the agent's own. */
  charter: z.string().max(200_000),
  prompt: z.string().max(200_000),
  /** What `read_artifact` may read; the bytes are fetched from the Worker. */
  artifacts: z.array(artifactSchema).max(50),
  /** Null: the task has no repository; the agent gets an empty workspace, and no route to code or packages. */
  workspace: z
    .object({ project: z.string(), repository: z.string(), ref: z.string(), commit: commitSchema })
    .nullable(),
  fix: z.object({ target: fixTargetSchema, step: failedStepSchema }).nullable(),
  identity: z.object({ name: z.string(), email: z.string() }),
  /** Gateway routes this run may use: `anthropic`, `git`, `npm`, `azure-devops`. */
  routes: z.array(z.string()),
  /** Credential names the gateway may use for it. */
  credentials: z.array(z.string()),
  tools: z.array(z.string()),
  /** Which contract its `report` is held to. */
  result: z.enum(['fix', 'report']).default('fix'),
  hostRights: hostRightsSchema.default({ hosts: [], reversible: [] }),
  /** How long it should take; the operator hears when it takes much longer. */
  estimateMs: z.number().int().positive().nullable().default(null),
  /** Where an earlier session of this run stopped; null: from the beginning. */
  checkpoint: checkpointSchema.nullable().default(null),
  /** The image of an earlier run, to do it again in the same one; null: today's. */
  imageDigest: z.string().max(200).nullable().default(null),
});
export type RunRequest = z.infer<typeof runRequestSchema>;

export const runEndReasonSchema = z.enum([
  'completed',
  'no_result',
  'budget',
  'timeout',
  'silent',
  'canceled',
  'out_of_memory',
  'crashed',
  'start_failed',
  'lease_lost',
  /** A guardrail saw no way forward. */
  'stuck',
  /** Its task goes on in a fresh session, from its hand-off. */
  'handed_off',
  /** The place broke, not the session: its runner went away. */
  'interrupted',
]);
export type RunEndReason = z.infer<typeof runEndReasonSchema>;

const runnerEventBase = {
  run: idSchema('run'),
  fence: z.number().int().positive(),
  /** Per run, from 1, without gaps: the key of deduplication. */
  seq: z.number().int().positive(),
  at: z.number().int(),
};

/** What a runner tells of a run; kept on its disk until acknowledged. */
export const runnerEventSchema = z.discriminatedUnion('type', [
  z.object({
    ...runnerEventBase,
    type: z.literal('started'),
    data: z.object({ image: z.string(), imageDigest: z.string(), container: z.string() }),
  }),
  z.object({
    ...runnerEventBase,
    type: z.literal('tool'),
    data: z.object({
      id: z.string(),
      name: z.string(),
      phase: z.enum(['requested', 'denied', 'succeeded', 'failed']),
      /** Bounded to 4 KB each; secrets redacted. */
      input: z.string().max(8_192).nullable(),
      output: z.string().max(8_192).nullable(),
      durationMs: z.number().int().nonnegative().nullable(),
    }),
  }),
  z.object({ ...runnerEventBase, type: z.literal('said'), data: z.object({ text: z.string().max(16_384) }) }),
  z.object({ ...runnerEventBase, type: z.literal('usage'), data: usageSchema }),
  z.object({ ...runnerEventBase, type: z.literal('intent'), data: intentSchema }),
  z.object({
    ...runnerEventBase,
    type: z.literal('intent_refused'),
    data: z.object({ kind: z.string(), codes: z.array(z.string()), reasons: z.array(z.string().max(2_000)) }),
  }),
  /** For the audit log: nothing is decided by it. */
  z.object({ ...runnerEventBase, type: z.literal('host_command'), data: hostCommandRecordSchema }),
  /** The operator should know at once. `rule` names what it was, `text` says it in plain words. */
  z.object({
    ...runnerEventBase,
    type: z.literal('alert'),
    data: z.object({ rule: z.string().max(64), text: z.string().max(2_000) }),
  }),
  z.object({ ...runnerEventBase, type: z.literal('checkpoint'), data: checkpointSchema }),
  /** A message that came for the session was given to its model. */
  z.object({
    ...runnerEventBase,
    type: z.literal('message_given'),
    data: z.object({ message: messageIdSchema }),
  }),
  /** The agent's `report`, unparsed: the Worker holds it to the contract. */
  z.object({ ...runnerEventBase, type: z.literal('result'), data: z.object({ value: z.unknown() }) }),
  z.object({
    ...runnerEventBase,
    type: z.literal('ended'),
    data: z.object({
      reason: runEndReasonSchema,
      detail: z.string().max(4_096),
      turns: z.number().int().nonnegative(),
      durationMs: z.number().int().nonnegative(),
      transcript: artifactSchema.nullable(),
    }),
  }),
]);
export type RunnerEvent = z.infer<typeof runnerEventSchema>;

/** Body of `POST /runner/events`: a heartbeat (every 30 s, also with no events) and what happened since. */
export const runnerReportSchema = z.object({
  runner: z.string().min(1).max(64),
  at: z.number().int(),
  health: z.object({
    capacity: z.number().int().nonnegative(),
    running: z.number().int().nonnegative(),
    image: z.string().nullable(),
    problems: z.array(z.string().max(500)),
  }),
  /** Leases held, renewed by this report. */
  leases: z.array(z.object({ run: idSchema('run'), fence: z.number().int().positive() })),
  events: z.array(runnerEventSchema).max(200),
});
export type RunnerReport = z.infer<typeof runnerReportSchema>;

/** Answer of `POST /runner/events`. */
export const runnerReportAnswerSchema = z.object({
  /** Highest sequence per run that is committed; events up to it may be forgotten. */
  acknowledged: z.record(z.string(), z.number().int()),
  /** Runs whose lease is no longer this runner's: kill them. */
  lost: z.array(idSchema('run')),
  stop: z.boolean(),
  /** Runs that this runner never held, with the code: their events are not kept, and need not be sent again. */
  refused: z.record(z.string(), z.string()).optional(),
});
export type RunnerReportAnswer = z.infer<typeof runnerReportAnswerSchema>;

/** Body of `POST /relay`. The sender is the group of the leased run, never a field. */
export const relayRequestSchema = z.object({
  run: idSchema('run'),
  fence: z.number().int().positive(),
  /** Makes a repeated request one message. */
  key: z.string().min(1).max(100),
  to: z.string().min(1).max(64),
  text: z.string().min(1).max(20_000),
});
export type RelayRequest = z.infer<typeof relayRequestSchema>;
