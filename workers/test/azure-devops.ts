import type { Outside } from './outside.ts';

/** A small Azure DevOps for tests: one project, one repository, and the builds and pull requests a test puts in. */
export const COMMIT = 'a'.repeat(40);
export const PROJECT_ID = 'be9b3917-87e6-42a4-a549-2bc06a7a878f';
export const REPOSITORY_ID = '4bc14d40-c903-45e2-872e-0462c7748079';

export interface TestBuild {
  id: number;
  result?: string;
  status?: string;
  ref?: string;
  commit?: string;
  triggerInfo?: Record<string, string>;
}

export const buildJson = ({ id, result, status, ref, commit, triggerInfo }: TestBuild) => ({
  id,
  buildNumber: `2026.${id}`,
  status: status ?? 'completed',
  result: result ?? 'failed',
  sourceBranch: ref ?? 'refs/heads/main',
  sourceVersion: commit ?? COMMIT,
  reason: 'individualCI',
  finishTime: new Date().toISOString(),
  definition: { id: 1, name: 'parcel-rates-ci' },
  project: { id: PROJECT_ID, name: 'shop' },
  repository: { id: REPOSITORY_ID, name: 'parcel-rates', type: 'TfsGit' },
  requestedFor: { displayName: 'Dana Developer', uniqueName: 'dana@example.com' },
  triggerInfo: triggerInfo ?? {},
});

export interface AzureWorld {
  builds: ReturnType<typeof buildJson>[];
  pullRequests: Record<number, unknown>;
}

export function azureDevOps(outside: Outside): AzureWorld {
  const world: AzureWorld = { builds: [], pullRequests: {} };
  const found = (value: unknown) => value ?? Response.json({ message: 'not found' }, { status: 404 });
  outside
    .json('GET', /^\/demo\/_apis\/projects\/be9b3917/, () => ({ id: PROJECT_ID, name: 'shop' }))
    .json('GET', /^\/demo\/shop\/_apis\/git\/repositories\/[\w-]+\?/, () => ({
      id: REPOSITORY_ID,
      name: 'parcel-rates',
      defaultBranch: 'refs/heads/main',
    }))
    .json('GET', /^\/demo\/shop\/_apis\/build\/builds\?/, () => ({ value: world.builds }))
    .json('GET', /^\/demo\/shop\/_apis\/build\/builds\/\d+\?/, ({ url }) => {
      const id = Number(/builds\/(\d+)$/.exec(url.pathname)?.[1]);
      return found(world.builds.find((build) => build.id === id));
    })
    .json('GET', /\/pullrequests\/\d+\?/, ({ url }) =>
      found(world.pullRequests[Number(/pullrequests\/(\d+)$/.exec(url.pathname)?.[1])]),
    );
  return world;
}

/** Every build failed in its step `Test`, after these changes, with a log of one line. */
export function failedInTest(outside: Outside, changes: readonly unknown[] = []): void {
  const record = { id: 't', type: 'Task', name: 'Test', state: 'completed', result: 'failed', attempt: 1 };
  outside
    .json('GET', /\/builds\/\d+\/timeline/, () => ({
      records: [{ ...record, parentId: null, order: 1, log: { id: 7 }, issues: [] }],
    }))
    .json('GET', /\/builds\/\d+\/logs\?/, () => ({ value: [{ id: 7, lineCount: 1 }] }))
    .json('GET', /\/builds\/\d+\/logs\/7/, () => new Response('not ok 1 - rounds half up\n'))
    .json('GET', /changes/, () => ({ value: changes }));
}

export const pullRequestJson = (id: number, about: Record<string, unknown> = {}) => ({
  pullRequestId: id,
  status: 'active',
  mergeStatus: 'succeeded',
  sourceRefName: 'refs/heads/feature',
  targetRefName: 'refs/heads/main',
  lastMergeSourceCommit: { commitId: COMMIT },
  lastMergeCommit: { commitId: 'c'.repeat(40) },
  repository: { id: REPOSITORY_ID, name: 'parcel-rates', project: { id: PROJECT_ID, name: 'shop' } },
  ...about,
});

/** A `build.complete` of version 2.0, cut down to what carries meaning. */
export const buildHook = (id: string, build: number, about: Record<string, unknown> = {}) => ({
  id,
  eventType: 'build.complete',
  publisherId: 'azure-devops',
  resource: { id: build, status: 'completed', result: 'failed', project: { id: PROJECT_ID, name: 'shop' } },
  resourceVersion: '2.0',
  resourceContainers: { project: { id: PROJECT_ID } },
  ...about,
});
