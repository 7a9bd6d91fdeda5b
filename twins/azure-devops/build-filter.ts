/** The filters and orders of `GET build/builds`. Pure. */
import { numberOf, queryOf } from './router.ts';
import type { Build } from './world.ts';

export function filterBuilds(builds: readonly Build[], query: URLSearchParams): Build[] {
  const list = (name: string): string[] | undefined =>
    queryOf(query, name)
      ?.split(',')
      .map((text) => text.trim().toLowerCase());
  const has = (wanted: string[] | undefined, value: string | undefined): boolean =>
    wanted === undefined ||
    wanted.includes('all') ||
    (value !== undefined && wanted.includes(value.toLowerCase()));
  const definitions = list('definitions');
  const ids = list('buildIds');
  const branch = queryOf(query, 'branchName');
  const repository = queryOf(query, 'repositoryId')?.toLowerCase();
  const order = queryOf(query, 'queryOrder') ?? 'queueTimeDescending';
  const time = orderTime(order);
  const minTime = Date.parse(queryOf(query, 'minTime') ?? '');
  const maxTime = Date.parse(queryOf(query, 'maxTime') ?? '');
  const found = builds.filter(
    (build) =>
      has(definitions, String(build.definition.id)) &&
      has(ids, String(build.id)) &&
      (branch === undefined || build.sourceBranch === branch) &&
      (repository === undefined ||
        [build.repository.id, build.repository.name.toLowerCase()].includes(repository)) &&
      has(list('statusFilter'), build.status) &&
      has(list('resultFilter'), build.result) &&
      has(list('reasonFilter'), build.reason) &&
      (Number.isNaN(minTime) || (time(build) ?? -1) >= minTime) &&
      (Number.isNaN(maxTime) || (time(build) ?? Number.POSITIVE_INFINITY) <= maxTime),
  );
  const direction = /ascending$/i.test(order) ? 1 : -1;
  found.sort((a, b) => direction * ((time(a) ?? 0) - (time(b) ?? 0) || a.id - b.id));
  return found.slice(0, numberOf(query, '$top') ?? 1000);
}

/** `minTime` and `maxTime` speak of the same time as the order does. */
function orderTime(order: string): (build: Build) => number | undefined {
  if (/^finishTime/i.test(order)) return (build) => build.finishedAt;
  if (/^startTime/i.test(order)) return (build) => build.startedAt;
  return (build) => build.queuedAt;
}
