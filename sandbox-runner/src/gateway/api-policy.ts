/**
 * The requests that may be made of an outside API, each as a pattern over the path (of a code host: below the run's
 * own project or repository), with the query parameters it may carry. Reading only, and nothing that lists other
 * projects.
 */
export interface ApiRequest {
  path: RegExp;
  query: readonly string[];
  /** Its answer has no end: the beginning is read. */
  isStream?: boolean;
}

const ID = '\\d{1,12}';

/** Below `{organisation}/{project}/_apis`. */
export const AZURE_DEVOPS_READS: readonly ApiRequest[] = [
  {
    path: /^\/build\/builds$/,
    query: ['api-version', 'definitions', 'branchName', 'statusFilter', 'resultFilter', 'queryOrder', '$top'],
  },
  { path: new RegExp(`^/build/builds/${ID}$`), query: ['api-version'] },
  { path: new RegExp(`^/build/builds/${ID}/(?:timeline|logs|changes)$`), query: ['api-version'] },
  { path: new RegExp(`^/build/builds/${ID}/logs/${ID}$`), query: ['api-version', 'startLine', 'endLine'] },
];

/** Below `/repos/{owner}/{repository}`. Logs are not among them: they answer with a redirect. */
export const GITHUB_READS: readonly ApiRequest[] = [
  { path: /^\/actions\/runs$/, query: ['branch', 'event', 'status', 'head_sha', 'per_page', 'page'] },
  { path: new RegExp(`^/actions/runs/${ID}$`), query: [] },
  { path: new RegExp(`^/actions/runs/${ID}/jobs$`), query: ['filter', 'per_page', 'page'] },
  { path: new RegExp(`^/actions/jobs/${ID}$`), query: [] },
  { path: /^\/commits\/[0-9a-f]{40}(?:\/(?:status|check-runs))?$/, query: ['per_page', 'page'] },
  { path: new RegExp(`^/check-runs/${ID}(?:/annotations)?$`), query: ['per_page', 'page'] },
  { path: new RegExp(`^/issues/${ID}(?:/comments)?$`), query: ['per_page', 'page', 'since'] },
  { path: new RegExp(`^/pulls/${ID}(?:/(?:files|commits|comments|reviews))?$`), query: ['per_page', 'page'] },
];

/**
 * Of Dozzle. Its list of containers comes as the first events of a stream; images, downloads, actions and shells are
 * not among them.
 */
export const DOZZLE_READS: readonly ApiRequest[] = [
  { path: /^\/healthcheck$/, query: [] },
  { path: /^\/api\/version$/, query: [] },
  { path: /^\/api\/events\/stream$/, query: [], isStream: true },
  {
    path: /^\/api\/hosts\/[\w.:-]{1,100}\/containers\/[0-9a-f]{12,64}\/logs$/,
    query: ['stdout', 'stderr', 'from', 'to', 'min', 'maxStart', 'lastSeenId', 'levels', 'filter'],
  },
];

/** The query that goes upstream, made anew; null when the request is not on the list. */
export function allowedRead(
  reads: readonly ApiRequest[],
  path: string,
  query: string,
): { path: string; query: string; isStream: boolean } | null {
  const read = reads.find((each) => each.path.test(path));
  if (!read) return null;
  const asked = [...new URLSearchParams(query)];
  const seen = new Set<string>();
  for (const [name, value] of asked) {
    if (!read.query.includes(name) || seen.has(name) || !/^[\w ./:,+-]{0,200}$/.test(value)) return null;
    seen.add(name);
  }
  return { path, query: new URLSearchParams(asked).toString(), isStream: read.isStream ?? false };
}
