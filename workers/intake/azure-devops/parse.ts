import { z } from 'zod';

/**
 * What a service hook tells. Only ids are taken: a payload is proved by nothing but a shared secret, so every
 * fact that decides something is asked of the API afterwards.
 */
export type AzureDevOpsEvent =
  | { kind: 'build'; project: ProjectRef; build: number }
  | { kind: 'pull_request'; project: ProjectRef; repository: string | null; pullRequest: number }
  | { kind: 'push'; project: ProjectRef; repository: string | null };

/** By name where the payload has one, else by id: which one it has depends on the event and its version. */
export interface ProjectRef {
  name: string | null;
  id: string | null;
}

export type ParsedHook =
  | { ok: true; type: string; delivery: string; event: AzureDevOpsEvent }
  | {
      ok: false;
      type: string;
      delivery: string;
      code: 'malformed' | 'unknown_event';
      reason: string;
    };

const envelopeSchema = z.looseObject({
  id: z.string().nullish(),
  subscriptionId: z.string().nullish(),
  notificationId: z.union([z.number(), z.string()]).nullish(),
  eventType: z.string().min(1).max(200),
  resource: z.unknown(),
  resourceContainers: z
    .looseObject({ project: z.looseObject({ id: z.string().nullish() }).nullish() })
    .nullish(),
});
type Envelope = z.infer<typeof envelopeSchema>;

const number = z.number().int().positive();
const projectSchema = z.looseObject({ id: z.string().nullish(), name: z.string().nullish() }).nullish();
const repositorySchema = z.looseObject({ id: z.string().nullish(), project: projectSchema }).nullish();

const buildResource = z.looseObject({
  id: number,
  project: projectSchema,
  definition: z.looseObject({ project: projectSchema }).nullish(),
});
const runResource = z.looseObject({ run: z.looseObject({ id: number }) });
const pullRequestResource = z.looseObject({ pullRequestId: number, repository: repositorySchema });
const pushResource = z.looseObject({ repository: repositorySchema });
const commentResource = z.looseObject({
  pullRequest: pullRequestResource.nullish(),
  _links: z.record(z.string(), z.looseObject({ href: z.string().nullish() }).nullish()).nullish(),
});

type Read = (resource: unknown, envelope: Envelope) => AzureDevOpsEvent | null;

const readBuild: Read = (resource, envelope) => {
  const { id, project, definition } = buildResource.parse(resource);
  return { kind: 'build', project: projectRef(envelope, project, definition?.project), build: id };
};
const readRun: Read = (resource, envelope) => ({
  kind: 'build',
  project: projectRef(envelope),
  build: runResource.parse(resource).run.id,
});
const readPullRequest: Read = (resource, envelope) => {
  const { pullRequestId, repository } = pullRequestResource.parse(resource);
  return {
    kind: 'pull_request',
    project: projectRef(envelope, repository?.project),
    repository: repository?.id ?? null,
    pullRequest: pullRequestId,
  };
};
const readPush: Read = (resource, envelope) => {
  const { repository } = pushResource.parse(resource);
  return {
    kind: 'push',
    project: projectRef(envelope, repository?.project),
    repository: repository?.id ?? null,
  };
};

const COMMENT_LINK = /\/git\/repositories\/([0-9a-f-]{36})\/pullrequests\/(\d{1,9})(?:\/|$)/i;

/** Version 1.0 has no pull request; its links name one. Two ids are read out of them, nothing is called. */
const readComment: Read = (resource, envelope) => {
  const comment = commentResource.parse(resource);
  if (comment.pullRequest) return readPullRequest(comment.pullRequest, envelope);
  for (const link of Object.values(comment._links ?? {})) {
    const match = COMMENT_LINK.exec(link?.href ?? '');
    if (match?.[1] && match[2])
      return {
        kind: 'pull_request',
        project: projectRef(envelope),
        repository: match[1].toLowerCase(),
        pullRequest: Number(match[2]),
      };
  }
  return null;
};

const readers = new Map<string, Read>([
  ['build.complete', readBuild],
  ['ms.vss-pipelines.run-state-changed-event', readRun],
  ['ms.vss-pipelines.stage-state-changed-event', readRun],
  ['ms.vss-pipelines.job-state-changed-event', readRun],
  ['git.push', readPush],
  ['git.pullrequest.created', readPullRequest],
  ['git.pullrequest.updated', readPullRequest],
  ['git.pullrequest.merged', readPullRequest],
  ['ms.vss-code.git-pullrequest-comment-event', readComment],
]);

/** `bodySha256` names a delivery that carries no usable id of its own; it is computed for no other. */
export function parseAzureDevOpsHook(body: string, bodySha256: () => string): ParsedHook {
  const refused = (
    code: 'malformed' | 'unknown_event',
    reason: string,
    type = 'unknown',
    delivery = `body:${bodySha256()}`,
  ): ParsedHook => ({ ok: false, type, delivery, code, reason });

  let value: unknown;
  try {
    value = JSON.parse(body.charCodeAt(0) === 0xfeff ? body.slice(1) : body);
  } catch {
    return refused('malformed', 'the body is not JSON');
  }
  const envelope = envelopeSchema.safeParse(value);
  if (!envelope.success)
    return refused('malformed', `not a service hook: ${z.prettifyError(envelope.error)}`);
  const type = envelope.data.eventType.toLowerCase();
  const delivery = deliveryOf(envelope.data, bodySha256);
  const read = readers.get(type);
  if (!read) return refused('unknown_event', `${type} is not handled`, type, delivery);
  try {
    const event = read(envelope.data.resource, envelope.data);
    if (event) return { ok: true, type, delivery, event };
    return refused('malformed', `${type} names no pull request`, type, delivery);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    return refused('malformed', `${type}: ${z.prettifyError(error)}`, type, delivery);
  }
}

const realGuid = (text: string | null | undefined): string | null =>
  text && /[1-9a-f]/i.test(text) ? text.toLowerCase() : null;

/** The sender's own id of the event. Some versions send all zeros: then its number within the subscription. */
function deliveryOf(envelope: Envelope, bodySha256: () => string): string {
  const id = realGuid(envelope.id);
  if (id !== null) return id;
  const subscription = realGuid(envelope.subscriptionId);
  if (subscription === null || envelope.notificationId === null || envelope.notificationId === undefined)
    return `body:${bodySha256()}`;
  return `${subscription}:${envelope.notificationId}`;
}

function projectRef(envelope: Envelope, ...told: z.infer<typeof projectSchema>[]): ProjectRef {
  const known = told.find((project) => project?.name || realGuid(project?.id));
  return {
    name: known?.name ?? null,
    id: realGuid(known?.id) ?? realGuid(envelope.resourceContainers?.project?.id),
  };
}
