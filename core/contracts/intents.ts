import { z } from 'zod';
import { adminActionSchema } from './admin-action.ts';
import { artifactSchema, commitSchema, sha256Schema } from './artifact.ts';
import { hostCommandSchema, hostFailureSchema } from './host-command.ts';
import { idSchema } from './ids.ts';

const commandRunSchema = z.object({
  command: z.string(),
  exitCode: z.number().int(),
  durationMs: z.number().int().nonnegative(),
  /** The end of the output, at most 4 KB; the whole is the artifact. */
  tail: z.string().max(8_192),
  log: artifactSchema,
});

/** What the runner saw when it proved a fix in a clean clone of its own. */
export const proofSchema = z.object({
  kind: z.enum(['test', 'command']),
  /** The base with only the fix's test files (`test`), or the base as it is (`command`): must fail. */
  red: commandRunSchema,
  /** The fix: must pass. */
  green: commandRunSchema,
  newTests: z.array(z.string().max(500)).max(50),
});
export type Proof = z.infer<typeof proofSchema>;

/** A fix that has passed every check of the runner and waits for permission to be pushed. */
export const pushFixSchema = z.object({
  kind: z.literal('push_fix'),
  project: z.string(),
  repository: z.string(),
  /** The ref that will be moved, always under refs/heads/. */
  ref: z.string().startsWith('refs/heads/'),
  /** What the ref must point at when pushed; null: it must not exist. */
  expected: commitSchema.nullable(),
  base: commitSchema,
  commit: commitSchema,
  bundle: artifactSchema,
  diff: artifactSchema,
  title: z.string().min(1).max(200),
  rootCause: z.string().min(1).max(300),
  fixSummary: z.string().min(1).max(4_000),
  files: z
    .array(
      z.object({
        path: z.string(),
        status: z.enum(['added', 'modified', 'deleted', 'renamed']),
        additions: z.number().int(),
        deletions: z.number().int(),
      }),
    )
    .max(100),
  proof: proofSchema,
});
export type PushFix = z.infer<typeof pushFixSchema>;

/** Input of the tool `request`: what needs more rights than the agent has (row A7). */
export const requestInputSchema = z.object({
  title: z.string().min(1).max(120),
  /** Why it is needed. */
  reason: z.string().min(1).max(1_000),
  /** What exactly is to be done. */
  action: adminActionSchema,
});
export type RequestInput = z.infer<typeof requestInputSchema>;

/** A request that a person decides; the runner performs nothing of it. */
export const adminRequestSchema = requestInputSchema.extend({
  kind: z.literal('admin_request'),
  /** Who asks: the group of the leased run, set by the runner. */
  group: z.string().min(1).max(64),
});
export type AdminRequest = z.infer<typeof adminRequestSchema>;

/**
 * What an agent asks trusted code to do. `digest` is the SHA-256 of the canonical JSON of `body`:
 * permission is given to exactly this body.
 */
export const intentSchema = z.object({
  id: idSchema('int'),
  run: idSchema('run'),
  fence: z.number().int().positive(),
  digest: sha256Schema,
  body: z.discriminatedUnion('kind', [pushFixSchema, hostCommandSchema, adminRequestSchema]),
});
export type Intent = z.infer<typeof intentSchema>;
export type IntentOf<Body extends Intent['body']> = Omit<Intent, 'body'> & { body: Body };
export type PushFixIntent = IntentOf<PushFix>;

/** Body of `PUT /v1/intents/{id}`. */
export const performIntentSchema = z.object({
  run: idSchema('run'),
  fence: z.number().int().positive(),
  digest: sha256Schema,
  /** The whole intent: the runner that performs it may not be the one that checked it. */
  intent: intentSchema,
});

/** Answer of `PUT /v1/intents/{id}`; performing twice gives the same answer. */
export const intentOutcomeSchema = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('performed'), ref: z.string(), commit: commitSchema }),
  /** A host command was executed; what it made of it is the exit code. */
  z.object({
    outcome: z.literal('executed'),
    exitCode: z.number().int(),
    durationMs: z.number().int().nonnegative(),
    /** Head and tail, redacted, at most 8 KB. */
    output: z.string().max(16_384),
    log: artifactSchema.nullable(),
  }),
  z.object({
    outcome: z.literal('refused'),
    code: z.enum([
      'base_moved',
      'default_branch',
      'digest_mismatch',
      /** It is for a person to do. */
      'not_performable',
      'stale_fence',
      'check_failed',
      'unknown_artifact',
      /** The host's name means another machine, or none, since permission was asked for. */
      'host_changed',
      /** Begun, and the end was not seen: it is not begun again. */
      'interrupted',
      ...hostFailureSchema.options,
    ]),
    reason: z.string(),
  }),
]);
export type IntentOutcome = z.infer<typeof intentOutcomeSchema>;
