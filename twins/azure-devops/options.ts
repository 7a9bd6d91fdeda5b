/** What the twin can be told at its start, and what it answers to its owner. */
import type { RequestLogEntry } from '../shared/request-log.ts';
import type { Delivery, Subscription } from './hooks.ts';
import type { NewChange, NewRepository } from './repositories.ts';
import type { Build, PullRequest } from './world.ts';

export type HookOptions = {
  url: string;
  /** Sent as `x-webhook-secret`. */
  secret?: string;
  basic?: { username: string; password: string };
  /** Absent: builds, pull requests, their comments and pushes. */
  eventTypes?: readonly string[];
  /** Of build.complete and comments; `1.0` or `2.0` (the default). */
  resourceVersion?: string;
};

export type AzureDevopsTwinOptions = {
  organisation?: string;
  project?: string;
  /** The token for builds and pull requests. */
  pat: string;
  /** The token for code (fetch and push). Absent: the same. */
  codePat?: string;
  /** The developer's password for pushes to protected branches. */
  developerPassword?: string;
  host?: string;
  port?: number;
  hooks?: HookOptions;
  /** Multiplies the waits of the hooks' retry schedule; 0.001 makes 36 hours two minutes. */
  hookTimeScale?: number;
  /** Builds at once. */
  concurrency?: number;
  stepTimeoutMs?: number;
  /** Laid over the steps' clean environment; see `setCiEnv`. */
  ciEnv?: Record<string, string>;
  /** Shared by all builds, for speed. */
  npmCacheDir?: string;
  npmRegistryUrl?: string;
  /** How long a completion takes in the background; 0 (the default) completes before it answers. */
  completionDelayMs?: number;
};

export type NewTwinRepository = NewRepository & {
  pipeline?: { definitionId: number; name: string; yamlPath?: string };
  /** Whether pull requests to the default branch are built (a Build Validation policy). */
  prBuild?: boolean;
};

export type MadeRepository = { id: string; remoteUrl: string; head: string | undefined };

export type AzureDevopsTwin = {
  /** The organisation: `http://127.0.0.1:<port>/<organisation>`. */
  url: string;
  /** Where the control doors are: `${origin}/__twin/…`. */
  origin: string;
  projectId: string;
  developerPassword: string;
  createRepository(wanted: NewTwinRepository): Promise<MadeRepository>;
  /** A developer's push; answers the new commit. Builds and hooks follow as after any push. */
  commit(change: NewChange): Promise<string>;
  pushPatch(change: Omit<NewChange, 'files'> & { patch: string }): Promise<string>;
  /** Queues a build by hand; `branch` without `refs/heads/`. Answers its id. */
  queueBuild(definitionId: number, branch: string): Promise<number>;
  /** Changes the environment of builds to come: what the outside world does to a pipeline. */
  setCiEnv(ciEnv: Record<string, string>): void;
  subscribe(hooks: HookOptions): void;
  /** The head of a branch, or undefined. */
  head(repository: string, branch: string): Promise<string | undefined>;
  builds(): readonly Build[];
  pullRequests(): readonly PullRequest[];
  /** The logs of a build's tasks as one text. */
  buildLog(buildId: number): string;
  deliveries(): readonly Delivery[];
  subscriptions(): readonly Subscription[];
  requests(): readonly RequestLogEntry[];
  /** Resolves when no build is queued or running. */
  idle(): Promise<void>;
  /** Resolves when no delivery waits either. */
  hooksIdle(): Promise<void>;
  close(): Promise<void>;
};
