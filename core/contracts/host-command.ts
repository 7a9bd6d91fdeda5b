import { z } from 'zod';
import { artifactSchema, sha256Schema } from './artifact.ts';

/** A host as the runner's settings and `agent.toml` name it; never an address. */
export const hostNameSchema = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/);

/** One program with its arguments. Never a shell's text: the runner quotes every word. */
export const hostArgvSchema = z.array(z.string().max(4_096)).min(1).max(32);

/** Input of the tool `run_on_host`. */
export const runOnHostSchema = z.object({
  host: z.string().min(1).max(64),
  argv: hostArgvSchema,
  /** Why it is needed: for the audit log, and for whoever approves it. */
  reason: z.string().min(1).max(1_000),
});
export type RunOnHost = z.infer<typeof runOnHostSchema>;

/**
 * read: looks only. reversible: what a person can undo or a service outlives; listed per group and rate-limited.
 * irreversible: permitted for exactly one host and argv by an approval. unlisted: never.
 */
export const hostCommandClassSchema = z.enum(['read', 'reversible', 'irreversible', 'unlisted']);
export type HostCommandClass = z.infer<typeof hostCommandClassSchema>;

/** Why nothing was executed, or why it is not known how it ended. */
export const hostFailureSchema = z.enum([
  'unknown_host',
  'host_not_allowed',
  'invalid_argv',
  'unlisted',
  'not_listed_for_group',
  'rate_limited',
  'lease_stale',
  /** The host showed another key than the pinned ones, and never showed a pinned one. */
  'host_key_wrong',
  /** It showed a pinned one before: it was rebuilt, or somebody stands in between. */
  'host_key_changed',
  'auth_failed',
  'connect_timeout',
  'unreachable',
  'command_timeout',
  'connection_lost',
  'ssh_unavailable',
]);
export type HostFailure = z.infer<typeof hostFailureSchema>;

/** An irreversible command that waits for permission. Its digest covers host, target and every word. */
export const hostCommandSchema = z.object({
  kind: z.literal('host_command'),
  host: hostNameSchema,
  /** SHA-256 over address, port, user and pinned keys: permission ends when the name means another machine. */
  target: sha256Schema,
  argv: hostArgvSchema,
  /** Which line of the command table it is, such as `docker rm`. */
  command: z.string().min(1).max(64),
  group: z.string().min(1).max(64),
  reason: z.string().min(1).max(1_000),
});
export type HostCommand = z.infer<typeof hostCommandSchema>;

/** What a group may do on hosts, as the run request carries it; the runner's own settings must allow it too. */
export const hostRightsSchema = z.object({
  hosts: z.array(hostNameSchema).max(50),
  /** Lines of the command table of class `reversible`. */
  reversible: z.array(z.string().max(64)).max(50),
});
export type HostRights = z.infer<typeof hostRightsSchema>;

/** One asked command, for the audit log: executed, refused, or waiting for permission. */
export const hostCommandRecordSchema = z.object({
  host: z.string().max(64),
  argv: hostArgvSchema,
  command: z.string().max(64).nullable(),
  class: hostCommandClassSchema,
  reason: z.string().max(1_000),
  decision: z.enum(['executed', 'refused', 'failed', 'awaits_permission']),
  code: hostFailureSchema.nullable(),
  exitCode: z.number().int().nullable(),
  durationMs: z.number().int().nonnegative(),
  outputBytes: z.number().int().nonnegative(),
  /** The whole output, redacted; null when there was none. */
  log: artifactSchema.nullable(),
});
export type HostCommandRecord = z.infer<typeof hostCommandRecordSchema>;

/** Body of `POST /v1/probes`. */
export const probeRequestSchema = z.object({ host: z.string().min(1).max(64) });

export const probeSchema = z.object({
  name: z.string(),
  command: z.string(),
  /** Null: it did not come to an end; `failure` says why. */
  exitCode: z.number().int().nullable(),
  failure: hostFailureSchema.nullable(),
  /** stdout and stderr, redacted, at most 64 KB. */
  output: z.string(),
  durationMs: z.number().int().nonnegative(),
});
export type Probe = z.infer<typeof probeSchema>;

/** Answer of `POST /v1/probes`: 200 either way, for that a host cannot be reached is a finding. */
export const probeAnswerSchema = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('probed'),
    host: z.string(),
    at: z.number().int(),
    durationMs: z.number().int().nonnegative(),
    probes: z.array(probeSchema),
  }),
  z.object({ outcome: z.literal('failed'), host: z.string(), code: hostFailureSchema, reason: z.string() }),
]);
export type ProbeAnswer = z.infer<typeof probeAnswerSchema>;
