import { z } from 'zod';
import { crewScheduleSchema } from '../schedules/definition.ts';

const nameSchema = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/);

/** Which model a task deserves; the names behind the tiers are set in one place. */
export const tierSchema = z.enum(['cheap', 'mid', 'top']);
export type Tier = z.infer<typeof tierSchema>;

export const MODEL_OF_TIER: Readonly<Record<Tier, string>> = {
  cheap: 'claude-haiku-5-5',
  mid: 'claude-sonnet-5-5',
  top: 'claude-opus-5-5',
};

/**
 * `crew/<group>/agent.toml`: what an agent is given. Everything that is not named here is refused, so the file
 * is the whole of an agent's rights. It names credentials and hosts; it never holds one.
 */
export const agentSchema = z.strictObject({
  /** How people call it; the folder's name is its id. */
  name: z.string().min(1).max(64),
  title: z.string().min(1).max(100),
  /** Light: in the Worker, without a container. Heavy: a container of the sandbox runner. */
  kind: z.enum(['light', 'heavy']),
  /** Copilot: results wait for a person. Autonomous: they move the loop on. */
  mode: z.enum(['copilot', 'autonomous']),
  tier: tierSchema,
  /** Tools of the `dogwatch` MCP server, or of the light run. */
  tools: z.array(z.string().regex(/^[a-z][a-z_]{0,63}$/)),
  /** Routes of the gateway; `tunnel:HOST` opts one host in, by its name, on port 443. */
  egress: z.array(z.union([nameSchema, z.string().regex(/^tunnel:[a-z0-9.-]{3,253}$/)])),
  /** Credentials that the gateway or the Worker adds for it, by name. */
  credentials: z.array(nameSchema),
  /** Hosts on which the runner may execute its commands, by name. */
  hosts: z.array(nameSchema),
  /** Reversible lines of the command table (core/hosts) it may use there. Reading is free; the rest needs approval. */
  host_commands: z
    .strictObject({ reversible: z.array(z.string().regex(/^[a-z][a-z -]{0,63}$/)) })
    .default({ reversible: [] }),
  /** Agents it may write to. */
  relay: z.array(nameSchema),
  /** Kinds of work that stay copilot whatever the record says. */
  never_promote: z.array(nameSchema),
  /** Author and committer of its commits; set by trusted code. */
  identity: z.strictObject({ name: z.string().min(1).max(100), email: z.email().max(200) }),
  limits: z.strictObject({
    wallClockMs: z.number().int().positive().max(1_800_000),
    maxTurns: z.number().int().positive().max(500),
    /** Of one model call. */
    maxOutputTokens: z.number().int().positive().default(8_192),
    budgetUsd: z.number().positive().max(100),
    maxConcurrentRuns: z.number().int().positive().max(15),
  }),
  /** What the clock starts for it. */
  schedules: z.array(crewScheduleSchema).default([]),
});
export type Agent = z.infer<typeof agentSchema>;

/** `crew/manifest.json`: the crew folders as the Worker carries them. Built by `npm run crew`, never by hand. */
export const crewManifestSchema = z.strictObject({
  /** The charter that every agent reads before its own. */
  globalCharter: z.string().min(1),
  agents: z.record(z.string(), agentSchema.extend({ charter: z.string().min(1) })),
});
export type CrewManifest = { agents: Record<string, Agent & { charter: string }>; globalCharter: string };
