import { z } from 'zod';
import type { SettingName } from '../core/contracts/worker-settings.ts';
import type { BudgetCaps } from '../core/cost/caps.ts';

/**
 * Settings of the Worker, read from its environment. Each section is read when a door needs it, so that a
 * missing secret closes the doors that need it and no other.
 */
export type Settings = { [Name in SettingName]?: string };
export type Env = Cloudflare.Env & Settings;

/** A setting is missing or malformed. The message names it and says what to do; it never holds a value. */
export class SettingError extends Error {
  readonly setting: SettingName;
  /** Waiting changes nothing: what needs the setting fails at once, visibly, and is replayed when it is set. */
  readonly retryable = false;

  constructor(setting: SettingName, wayOut: string) {
    super(`${setting}: ${wayOut}`);
    this.name = 'SettingError';
    this.setting = setting;
  }
}

function optional(env: Settings, name: SettingName): string | null {
  const value = env[name]?.trim();
  return value ? value : null;
}

function required(env: Settings, name: SettingName, wayOut: string): string {
  const value = optional(env, name);
  if (value === null) throw new SettingError(name, `is not set; ${wayOut}`);
  return value;
}

export function listOf(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** A secret that is being rotated is `new,old`: both are accepted, the first is used. */
function secrets(env: Settings, name: SettingName, wayOut: string): [string, ...string[]] {
  const [first, ...rest] = listOf(required(env, name, wayOut));
  if (first === undefined) throw new SettingError(name, `is empty; ${wayOut}`);
  return [first, ...rest];
}

function urlOf(name: SettingName, text: string, wayOut: string): string {
  const parsed = z.url({ protocol: /^https?$/ }).safeParse(text);
  if (!parsed.success) throw new SettingError(name, `is not an http(s) URL; ${wayOut}`);
  return text.replace(/\/+$/, '');
}

function jsonOf<T>(env: Settings, name: SettingName, schema: z.ZodType<T>, wayOut: string): T {
  let value: unknown;
  try {
    value = JSON.parse(required(env, name, wayOut));
  } catch (error) {
    if (error instanceof SettingError) throw error;
    throw new SettingError(name, `is not JSON; ${wayOut}`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new SettingError(name, `has the wrong shape; ${wayOut}`);
  return parsed.data;
}

export interface AzureDevOpsSettings {
  /** The organisation or collection, without a slash at the end. */
  url: string;
  organisation: string;
  /** Names of the projects that are served; everything else is refused. */
  projects: string[];
  pat: string;
}

export function azureDevOpsSettings(env: Settings): AzureDevOpsSettings {
  const wayOut = 'set the organisation, as in https://dev.azure.com/acme, or a server’s collection';
  const url = urlOf('AZURE_DEVOPS_URL', required(env, 'AZURE_DEVOPS_URL', wayOut), wayOut);
  const organisation = decodeURIComponent(new URL(url).pathname.split('/').filter(Boolean).at(-1) ?? '');
  if (organisation === '') throw new SettingError('AZURE_DEVOPS_URL', `names no organisation; ${wayOut}`);
  return {
    url,
    organisation,
    projects: azureDevOpsProjects(env),
    pat: secrets(
      env,
      'AZURE_DEVOPS_PAT',
      'make a personal access token with Build (read) and Code (read & write)',
    )[0],
  };
}

export function azureDevOpsProjects(env: Settings): string[] {
  const wayOut = 'name the projects to serve, separated by commas';
  const projects = listOf(required(env, 'AZURE_DEVOPS_PROJECTS', wayOut));
  if (projects.length === 0) throw new SettingError('AZURE_DEVOPS_PROJECTS', `is empty; ${wayOut}`);
  return projects;
}

export function azureDevOpsHookSecrets(env: Settings): string[] {
  return secrets(env, 'AZURE_DEVOPS_WEBHOOK_SECRET', 'use the secret that the service hook sends');
}

export interface ChatAddress {
  chat: string;
  /** The forum topic; null: the chat itself. */
  thread: number | null;
}

export interface TelegramSettings {
  apiRoot: string;
  token: string;
  /** Where each group’s messages are shown. A group that is missing here is not sent to Telegram. */
  chats: Map<string, ChatAddress>;
}

export function telegramSettings(env: Settings): TelegramSettings {
  return {
    apiRoot: urlOf(
      'TELEGRAM_API_ROOT',
      optional(env, 'TELEGRAM_API_ROOT') ?? 'https://api.telegram.org',
      'leave it out, or set the root of a Bot API server',
    ),
    token: required(env, 'TELEGRAM_BOT_TOKEN', 'use the token that BotFather gave'),
    chats: telegramChats(env),
  };
}

const CHAT = /^([a-z][a-z0-9_-]*)=(-?\d+|@\w+)(?::(\d+))?$/;

/** `TELEGRAM_CHATS` is `group=chat[:topic],…`; the operator’s private chat has the operator’s own id. */
export function telegramChats(env: Settings): Map<string, ChatAddress> {
  const chats = new Map<string, ChatAddress>();
  const operator = optional(env, 'OPERATOR_TELEGRAM_ID');
  if (operator !== null) chats.set('operator', { chat: operator, thread: null });
  for (const item of listOf(optional(env, 'TELEGRAM_CHATS') ?? '')) {
    const match = CHAT.exec(item);
    if (!match?.[1] || !match[2])
      throw new SettingError('TELEGRAM_CHATS', 'write it as operator=123,ryan=-100456:7');
    chats.set(match[1], { chat: match[2], thread: match[3] === undefined ? null : Number(match[3]) });
  }
  return chats;
}

export function telegramHookSecrets(env: Settings): string[] {
  return secrets(env, 'TELEGRAM_WEBHOOK_SECRET', 'use the secret_token given to setWebhook');
}

export function operatorTelegramId(env: Settings): string {
  const wayOut = 'set the numeric Telegram user id of the operator';
  const id = required(env, 'OPERATOR_TELEGRAM_ID', wayOut);
  if (!/^\d+$/.test(id)) throw new SettingError('OPERATOR_TELEGRAM_ID', `is not a number; ${wayOut}`);
  return id;
}

export function operatorTokens(env: Settings): string[] {
  return secrets(env, 'OPERATOR_TOKEN', 'set a long random text and send it as a Bearer token');
}

/** Null: GitHub’s webhooks are not in use. */
export function githubHookSecrets(env: Settings): string[] | null {
  const value = optional(env, 'GITHUB_WEBHOOK_SECRET');
  return value === null ? null : listOf(value);
}

export function anthropicSettings(env: Settings): { baseUrl: string | null; apiKey: string } {
  const baseUrl = optional(env, 'ANTHROPIC_BASE_URL');
  return {
    baseUrl:
      baseUrl === null
        ? null
        : urlOf('ANTHROPIC_BASE_URL', baseUrl, 'leave it out, or set a compatible endpoint'),
    apiKey: secrets(env, 'ANTHROPIC_API_KEY', 'set the key of the light runs')[0],
  };
}

const jwkSchema = z.looseObject({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string() });
const privateJwkSchema = jwkSchema.extend({ d: z.string(), kid: z.string() });
const publicJwksSchema = z.object({ keys: z.array(jwkSchema.extend({ kid: z.string() })).min(1) });

export type PrivateJwk = z.infer<typeof privateJwkSchema>;
export type PublicJwks = z.infer<typeof publicJwksSchema>;

/** The Worker’s own private key, a JWK with `kid`. */
export function workerSigningKey(env: Settings): PrivateJwk {
  return jsonOf(
    env,
    'WORKER_SIGNING_KEY',
    privateJwkSchema,
    'give a private Ed25519 key as JWK with kid, x and d',
  );
}

/** The keys that runners sign with, a JWK set whose members carry `kid`. */
export function runnerPublicKeys(env: Settings): PublicJwks {
  return jsonOf(
    env,
    'RUNNER_PUBLIC_KEYS',
    publicJwksSchema,
    'give a JWK set: {"keys":[…]}, each key with its kid',
  );
}

export function runnerUrls(env: Settings): Map<string, string> {
  const wayOut = 'write it as name=https://runner.example.com, several separated by commas';
  const urls = new Map<string, string>();
  for (const item of listOf(required(env, 'RUNNER_URLS', wayOut))) {
    const at = item.indexOf('=');
    if (at < 1) throw new SettingError('RUNNER_URLS', `has an item without a name; ${wayOut}`);
    urls.set(item.slice(0, at), urlOf('RUNNER_URLS', item.slice(at + 1), wayOut));
  }
  return urls;
}

/** Names of `RUNNER_URLS`; none while it is not set. */
export function configuredRunners(env: Settings): string[] {
  try {
    return [...runnerUrls(env).keys()];
  } catch (error) {
    if (error instanceof SettingError) return [];
    throw error;
  }
}

/** Row C7: that many containers at once over all runners. */
const DEFAULT_CONCURRENT_RUNS = 15;

export function maxConcurrentRuns(env: Settings): number {
  const value = optional(env, 'MAX_CONCURRENT_RUNS');
  if (value === null) return DEFAULT_CONCURRENT_RUNS;
  if (!/^[1-9]\d{0,2}$/.test(value))
    throw new SettingError('MAX_CONCURRENT_RUNS', 'is not a number from 1 to 999; the default is 15');
  return Number(value);
}

const DOLLARS = /^\d{1,9}(?:\.\d{1,6})?$/;

function microUsdOf(name: SettingName, text: string, wayOut: string): number {
  if (!DOLLARS.test(text)) throw new SettingError(name, `is not a sum of dollars; ${wayOut}`);
  return Math.round(Number(text) * 1_000_000);
}

/** The hard caps (row D4). Absent: no cap; what cannot be read throws, so that nothing is spent without its cap. */
export function budgetCaps(env: Settings): BudgetCaps {
  const cap = (name: 'MONTHLY_BUDGET_USD' | 'DAILY_BUDGET_USD'): number | null => {
    const value = optional(env, name);
    return value === null ? null : microUsdOf(name, value, 'write it as 200 or 12.50, or leave it out');
  };
  const ofGroups = groupBudgets(env);
  return {
    monthMicroUsd: cap('MONTHLY_BUDGET_USD'),
    dayMicroUsd: cap('DAILY_BUDGET_USD'),
    groupDayMicroUsd: (group) => ofGroups.get(group) ?? ofGroups.get('*') ?? null,
  };
}

/** `cody=20,ryan=3,*=5`, or `5` for every group. */
function groupBudgets(env: Settings): Map<string, number> {
  const name = 'GROUP_DAILY_BUDGET_USD';
  const wayOut = 'write it as 5, or as cody=20,ryan=3,*=5, or leave it out';
  return new Map(
    listOf(optional(env, name) ?? '').map((item): [string, number] => {
      const at = item.indexOf('=');
      const group = at < 0 ? '*' : item.slice(0, at).trim();
      if (!/^(?:\*|[a-z][a-z0-9-]*)$/.test(group))
        throw new SettingError(name, `has an item that names no group; ${wayOut}`);
      return [group, microUsdOf(name, item.slice(at + 1).trim(), wayOut)];
    }),
  );
}

/** The address under which the outside knows this Worker; signatures are made for its host. */
export function publicUrl(env: Settings): string {
  const wayOut = 'set the https address under which this Worker is reached';
  return urlOf('PUBLIC_URL', required(env, 'PUBLIC_URL', wayOut), wayOut);
}

const DEFAULT_AUDIT_MONTHS = 3;

/** Full months of the audit log that stay in D1 beside the current one; older ones move to R2. */
export function auditMonthsInD1(env: Settings): number {
  const value = optional(env, 'AUDIT_MONTHS_IN_D1');
  if (value === null) return DEFAULT_AUDIT_MONTHS;
  if (!/^\d{1,3}$/.test(value) || Number(value) < 1)
    throw new SettingError('AUDIT_MONTHS_IN_D1', 'is not a number of months from 1 to 999');
  return Number(value);
}

const sections: ((env: Settings) => unknown)[] = [
  azureDevOpsSettings,
  azureDevOpsHookSecrets,
  telegramSettings,
  telegramHookSecrets,
  operatorTelegramId,
  operatorTokens,
  anthropicSettings,
  workerSigningKey,
  runnerPublicKeys,
  runnerUrls,
  publicUrl,
  auditMonthsInD1,
  budgetCaps,
  maxConcurrentRuns,
];

/** Every setting that keeps some door closed, with its way out; empty when all is well. */
export function settingProblems(env: Settings): { setting: SettingName; problem: string }[] {
  const problems = new Map<SettingName, string>();
  for (const read of sections) {
    try {
      read(env);
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      problems.set(error.setting, error.message);
    }
  }
  return [...problems].map(([setting, problem]) => ({ setting, problem }));
}
