/** What the twin knows: all of it in memory, Git repositories excepted. Functions in the other files act on it. */
import { createHash, randomUUID } from 'node:crypto';
import type { TimelineRecord } from './timeline.ts';

export type Identity = { id: string; displayName: string; uniqueName: string };

/** Who a password stands for. `developer` may push to protected branches, the others may not. */
export type Role = 'builds' | 'code' | 'developer';

export type RefUpdate = { name: string; oldObjectId: string; newObjectId: string };

export type Push = { pushId: number; at: number; pushedBy: Identity; refUpdates: RefUpdate[] };

export type Repository = {
  id: string;
  name: string;
  /** `refs/heads/…` */
  defaultBranch: string;
  gitDir: string;
  pushes: Push[];
  /** Ends when the change of refs that runs now has been looked at: pushes are taken one at a time. */
  lock: Promise<unknown>;
};

export type Definition = {
  id: number;
  name: string;
  yamlPath: string;
  repositoryId: string;
  /** Whether pull requests to the default branch have a Build Validation policy with this definition. */
  prBuild: boolean;
  createdAt: number;
};

export type BuildResult = 'succeeded' | 'partiallySucceeded' | 'failed' | 'canceled';
export type BuildReason = 'individualCI' | 'pullRequest' | 'manual';

export type BuildLog = { id: number; createdAt: number; changedAt: number; lines: string[] };

export type Build = {
  id: number;
  buildNumber: string;
  definition: Definition;
  repository: Repository;
  sourceBranch: string;
  sourceVersion: string;
  reason: BuildReason;
  status: 'notStarted' | 'inProgress' | 'completed';
  result?: BuildResult;
  queuedAt: number;
  startedAt?: number;
  finishedAt?: number;
  requestedFor: Identity;
  triggerInfo: Record<string, string>;
  pullRequestId?: number;
  planId: string;
  timelineId: string;
  records: TimelineRecord[];
  logs: BuildLog[];
};

export type PullRequestComment = {
  id: number;
  parentCommentId: number;
  author: Identity;
  content: string;
  at: number;
};

export type PullRequestThread = { id: number; status: string; at: number; comments: PullRequestComment[] };

export type PullRequest = {
  id: number;
  repository: Repository;
  title: string;
  description: string;
  sourceRefName: string;
  targetRefName: string;
  status: 'active' | 'completed' | 'abandoned';
  mergeStatus: 'queued' | 'succeeded' | 'conflicts' | 'notSet';
  mergeId: string;
  createdBy: Identity;
  createdAt: number;
  closedAt?: number;
  closedBy?: Identity;
  sourceCommit: string;
  targetCommit: string;
  mergeCommit?: string;
  completionOptions?: Record<string, unknown>;
  isDraft: boolean;
  threads: PullRequestThread[];
};

export type World = {
  organisation: string;
  project: { id: string; name: string; createdAt: number };
  /** `http://127.0.0.1:<port>/<organisation>` */
  url: string;
  repositories: Repository[];
  definitions: Definition[];
  builds: Build[];
  pullRequests: PullRequest[];
  identities: Record<Role | 'system', Identity>;
  now: () => number;
};

/** The same text gives the same GUID, so that ids stay put between starts of the twin. */
export function guidFrom(text: string): string {
  const hex = createHash('sha1').update(text).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export function newGuid(): string {
  return randomUUID();
}

export function identity(displayName: string, uniqueName: string): Identity {
  return { id: guidFrom(`identity/${uniqueName}`), displayName, uniqueName };
}

/** ISO-8601 UTC with the seven digits after the second that .NET writes. `ms` may have a fraction. */
export function azureTime(ms: number): string {
  const ticks = Math.floor((ms - Math.floor(ms)) * 10_000);
  return `${new Date(Math.floor(ms)).toISOString().slice(0, -1)}${String(ticks).padStart(4, '0')}Z`;
}

export function findRepository(world: World, nameOrId: string): Repository | undefined {
  const wanted = nameOrId.toLowerCase();
  return world.repositories.find((one) => one.id === wanted || one.name.toLowerCase() === wanted);
}

/** Runs `work` after everything queued before it on this repository. */
export function withRepositoryLock<T>(repository: Repository, work: () => Promise<T>): Promise<T> {
  const result = repository.lock.then(work, work);
  repository.lock = result.catch(() => undefined);
  return result;
}
