/** What a service-hook notification is made of: the event, its envelope, its sentences. Pure. */
import { azureTime, guidFrom, type World } from './world.ts';

type Json = Record<string, unknown>;
type Message = { text: string; html: string; markdown: string };

/** An event before it is addressed: `resource` words it for the version a subscription asks for. */
export type HookEvent = {
  eventType: string;
  message: Message;
  detailedMessage: Message;
  /** Newest last. A subscription without version gets the newest. */
  versions: { version: string; resource: Json }[];
  /** What publisher inputs of a subscription are compared with. */
  filters: Record<string, string>;
};

export const eventTypes = {
  buildComplete: 'build.complete',
  runState: 'ms.vss-pipelines.run-state-changed-event',
  stageState: 'ms.vss-pipelines.stage-state-changed-event',
  push: 'git.push',
  pullRequestCreated: 'git.pullrequest.created',
  pullRequestUpdated: 'git.pullrequest.updated',
  pullRequestMerged: 'git.pullrequest.merged',
  pullRequestComment: 'ms.vss-code.git-pullrequest-comment-event',
} as const;

export function publisherOf(eventType: string): string {
  return eventType.startsWith('ms.vss-pipelines.') ? 'pipelines' : 'tfs';
}

/** The body of one notification. A version is matched by its leading number: `1.0-preview.1` asks for 1.0. */
export function notificationBody(
  world: World,
  event: HookEvent,
  envelope: {
    id: string;
    subscriptionId: string;
    notificationId: number;
    resourceVersion: string;
    at: number;
  },
): Json {
  const major = Number.parseFloat(envelope.resourceVersion);
  const chosen =
    event.versions.find((one) => Number.parseFloat(one.version) === major) ?? event.versions.at(-1);
  const account = { id: guidFrom(`account/${world.organisation}`), baseUrl: `${world.url}/` };
  return {
    subscriptionId: envelope.subscriptionId,
    notificationId: envelope.notificationId,
    id: envelope.id,
    eventType: event.eventType,
    publisherId: publisherOf(event.eventType),
    message: event.message,
    detailedMessage: event.detailedMessage,
    resource: chosen?.resource,
    resourceVersion: chosen?.version,
    resourceContainers: {
      collection: { ...account, id: guidFrom(`collection/${world.organisation}`) },
      account,
      project: { id: world.project.id, baseUrl: `${world.url}/` },
    },
    createdDate: azureTime(envelope.at),
  };
}

export function wording(result: string): string {
  const words: Record<string, string> = {
    partiallySucceeded: 'partially succeeded',
    succeededWithIssues: 'partially succeeded',
  };
  return words[result] ?? result;
}

export function linked(before: string, name: string, after: string, url: string): Message {
  return {
    text: `${before}${name}${after}`,
    html: `${escapeHtml(before)}<a href="${escapeHtml(url)}">${escapeHtml(name)}</a>${escapeHtml(after)}`,
    markdown: `${before}[${name}](${url})${after}`,
  };
}

export function plain(text: string): Message {
  return { text, html: escapeHtml(text), markdown: text };
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
