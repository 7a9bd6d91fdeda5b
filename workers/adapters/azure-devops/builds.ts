import { z } from 'zod';
import { type Timeline, timelineSchema } from '../../../core/evidence/timeline.ts';
import { type AzureDevOps, pathOf } from './client.ts';

const identitySchema = z.object({ displayName: z.string().nullish(), uniqueName: z.string().nullish() });

const RESULTS = ['none', 'succeeded', 'partiallySucceeded', 'failed', 'canceled'] as const;
const STATUSES = ['none', 'notStarted', 'inProgress', 'cancelling', 'postponed', 'completed'] as const;
export type BuildResult = (typeof RESULTS)[number];
export type BuildStatus = (typeof STATUSES)[number];

/** Versions of the API differ in case; an unknown word is `none`, which starts nothing and ends nothing. */
const wordOf = <Word extends string>(words: readonly Word[]) =>
  z
    .string()
    .nullish()
    .transform(
      (text) => words.find((word) => word.toLowerCase() === text?.toLowerCase()) ?? ('none' as Word),
    );

export const buildSchema = z.object({
  id: z.number().int(),
  buildNumber: z.string().nullish(),
  status: wordOf(STATUSES),
  result: wordOf(RESULTS),
  sourceBranch: z.string().nullish(),
  sourceVersion: z.string().nullish(),
  reason: z.string().nullish(),
  finishTime: z.string().nullish(),
  definition: z.object({ id: z.number().int(), name: z.string().nullish() }),
  project: z.object({ id: z.string(), name: z.string() }),
  repository: z.object({ id: z.string(), name: z.string().nullish(), type: z.string().nullish() }),
  requestedFor: identitySchema.nullish(),
  triggerInfo: z.record(z.string(), z.string().nullish()).nullish(),
  /** Why a build could not even start, a broken pipeline file for example. */
  validationResults: z
    .array(z.object({ result: z.string().nullish(), message: z.string().nullish() }))
    .nullish(),
});
export type Build = z.infer<typeof buildSchema>;

const listOf = <T>(item: z.ZodType<T>) => z.object({ value: z.array(item) });

const changeSchema = z.object({
  id: z.string(),
  message: z.string().nullish(),
  author: identitySchema.nullish(),
});
export type Change = z.infer<typeof changeSchema>;

const repositorySchema = z.object({
  id: z.string(),
  name: z.string(),
  defaultBranch: z.string().nullish(),
});
export type Repository = z.infer<typeof repositorySchema>;

const projectSchema = z.object({ id: z.string(), name: z.string() });

/** Null: there is no such build in that project. */
export function getBuild(api: AzureDevOps, project: string, build: number): Promise<Build | null> {
  return api.find(`${pathOf(project, '_apis', 'build', 'builds', build)}`, buildSchema);
}

/** A build that never started has no timeline: an empty one is answered. */
export async function getTimeline(api: AzureDevOps, project: string, build: number): Promise<Timeline> {
  const path = pathOf(project, '_apis', 'build', 'builds', build, 'timeline');
  return (await api.find(path, timelineSchema.nullable())) ?? timelineSchema.parse({});
}

/** Lines that each log of the build has, by log id: what tells whether a log was fetched completely. */
export async function listLogLineCounts(
  api: AzureDevOps,
  project: string,
  build: number,
): Promise<Map<number, number>> {
  const schema = listOf(z.object({ id: z.number().int(), lineCount: z.number().int().nullish() }));
  const logs = await api.find(pathOf(project, '_apis', 'build', 'builds', build, 'logs'), schema);
  return new Map((logs?.value ?? []).map((log) => [log.id, log.lineCount ?? 0]));
}

/** Null: the log is not there (any more). */
export function streamLog(
  api: AzureDevOps,
  project: string,
  build: number,
  log: number,
): Promise<ReadableStream<Uint8Array> | null> {
  return api.stream(pathOf(project, '_apis', 'build', 'builds', build, 'logs', log));
}

export interface BuildFilter {
  definition?: number;
  branch?: string;
  results?: ('failed' | 'partiallySucceeded' | 'succeeded' | 'canceled')[];
  status?: 'completed' | 'all';
  /** ISO-8601. Given: those that finished then or later, the earliest first. */
  finishedFrom?: string;
  top: number;
  /** At most this many per definition: the newest of each. */
  perDefinition?: number;
}

/** Newest first by the time they were queued, unless `finishedFrom` is given. */
export async function listBuilds(api: AzureDevOps, project: string, filter: BuildFilter): Promise<Build[]> {
  const query: Record<string, string> = { $top: String(filter.top), queryOrder: 'queueTimeDescending' };
  if (filter.definition !== undefined) query.definitions = String(filter.definition);
  if (filter.branch !== undefined) query.branchName = filter.branch;
  if (filter.results) query.resultFilter = filter.results.join(',');
  if (filter.status === 'completed') query.statusFilter = 'completed';
  if (filter.finishedFrom !== undefined) {
    query.minTime = filter.finishedFrom;
    query.queryOrder = 'finishTimeAscending';
  }
  if (filter.perDefinition !== undefined) query.maxBuildsPerDefinition = String(filter.perDefinition);
  const answer = await api.get(pathOf(project, '_apis', 'build', 'builds'), listOf(buildSchema), query);
  return answer.value;
}

/** Commits between two builds of one definition, newest first, at most `top`. */
export async function getChangesBetween(
  api: AzureDevOps,
  project: string,
  builds: { from: number; to: number },
  top: number,
): Promise<Change[]> {
  const answer = await api.get(pathOf(project, '_apis', 'build', 'changes'), listOf(changeSchema), {
    fromBuildId: String(builds.from),
    toBuildId: String(builds.to),
    $top: String(top),
  });
  return answer.value;
}

/** Commits that Azure DevOps associates with a build, newest first, at most `top`. */
export async function getChanges(
  api: AzureDevOps,
  project: string,
  build: number,
  top: number,
): Promise<Change[]> {
  const path = pathOf(project, '_apis', 'build', 'builds', build, 'changes');
  return (await api.get(path, listOf(changeSchema), { $top: String(top) })).value;
}

export function getRepository(
  api: AzureDevOps,
  project: string,
  repository: string,
): Promise<Repository | null> {
  return api.find(pathOf(project, '_apis', 'git', 'repositories', repository), repositorySchema);
}

export async function getProjectName(api: AzureDevOps, idOrName: string): Promise<string | null> {
  return (await api.find(pathOf('_apis', 'projects', idOrName), projectSchema))?.name ?? null;
}
