import { z } from 'zod';

/** Which model a task deserves; the names behind the tiers are set in one place. */
export const tierSchema = z.enum(['cheap', 'mid', 'top']);
export type Tier = z.infer<typeof tierSchema>;

export const MODEL_OF_TIER: Readonly<Record<Tier, string>> = {
  cheap: 'claude-haiku-5-5',
  mid: 'claude-sonnet-5-5',
  top: 'claude-opus-5-5',
};

/** `crew/<name>/agent.toml`: what trusted code lets this agent do. The charter beside it is `CLAUDE.md`. */
export const agentSchema = z.strictObject({
  /** The folder's name and the group's. */
  name: z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/),
  role: z.string().min(1).max(200),
  /** The word that wakes it in a chat with people. */
  trigger: z.string().min(1).max(64),
  tier: tierSchema,
  mode: z.enum(['copilot', 'autonomous']),
  /** Author of its commits, set by trusted code. */
  identity: z.strictObject({ name: z.string().min(1).max(200), email: z.email() }),
  limits: z.strictObject({
    /** Of one run. */
    budget_usd: z.number().positive(),
    max_turns: z.number().int().positive(),
    timeout_minutes: z.number().positive(),
    /** Of one model call. */
    max_output_tokens: z.number().int().positive(),
  }),
  /** Tools of a run, as the model sees their names. */
  tools: z.array(z.string()),
  /** Gateway routes that its containers may use; nothing else is reachable. */
  routes: z.array(z.enum(['anthropic', 'git', 'npm', 'azure-devops', 'github'])),
  /** Credentials that the gateway may add for it, by name; the secrets stay in the runner. */
  credentials: z.array(z.string()),
  /** Hosts on which it may ask for commands. */
  hosts: z.array(z.string()),
  /** Cron expressions with what they wake the agent for. */
  schedules: z.array(
    z.strictObject({ name: z.string(), cron: z.string(), timeZone: z.string(), prompt: z.string() }),
  ),
});
export type Agent = z.infer<typeof agentSchema>;

/** `crew/manifest.json`: what the Worker knows of the crew. Built by `npm run crew`, never by hand. */
export const crewManifestSchema = z.strictObject({
  /** The charter that every agent reads before its own. */
  globalCharter: z.string().min(1),
  agents: z.record(z.string(), agentSchema.extend({ charter: z.string().min(1) })),
});
export type CrewManifest = z.infer<typeof crewManifestSchema>;
