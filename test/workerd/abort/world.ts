import { SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import type { IncidentView } from '../../../durable-objects/incident/incident-rpc.ts';
import { incidentStub } from '../../../durable-objects/stubs.ts';
import { judgement } from '../../../durable-objects/test/specs.ts';
import {
  azureDevOps,
  buildHook,
  buildJson,
  failedInTest,
  PROJECT_ID,
  pullRequestJson,
  REPOSITORY_ID,
} from '../../../workers/test/azure-devops.ts';
import { modelSays } from '../../../workers/test/model.ts';
import { Outside, type OutsideRequest } from '../../../workers/test/outside.ts';
import { telegramTakesAll } from '../../../workers/test/telegram.ts';

const REPEATED = /\n<i>\(sent again: .*<\/i>$/;

const judges = (): Response => modelSays(judgement);

type PullRequest = ReturnType<typeof pullRequestJson>;

export interface Told {
  text: string;
  /** It says that it may be there twice. */
  isMarked: boolean;
}

/** Everything outside of the Worker, and what was really done there. */
export class World {
  readonly outside = new Outside();
  readonly azure = azureDevOps(this.outside);
  /** Deeds that must be done once, as the outside saw them. */
  readonly deeds: string[] = [];
  /** What the model answers to a question. */
  model: (asked: string) => Response = judges;
  readonly #pullRequests: PullRequest[] = [];
  readonly #branches = new Map<string, string>();
  #updates = 50_000;
  #lastPullRequest = 300;
  #builds = 900;

  constructor() {
    failedInTest(this.outside);
    telegramTakesAll(this.outside);
    this.outside.on(({ url, body }) =>
      url.host === 'anthropic.test' ? this.model(JSON.stringify(body)) : undefined,
    );
    this.#servePullRequests();
  }

  /** A fast-forward by the runner. */
  push(ref: string, expected: string | null, commit: string): void {
    if ((this.#branches.get(ref) ?? null) !== expected) throw new Error(`${ref} is elsewhere`);
    this.#branches.set(ref, commit);
    this.deeds.push('push');
  }

  get pullRequests(): PullRequest[] {
    return this.#pullRequests;
  }

  /** One event of Telegram: a message, or a pressed button. */
  telegram(update: object): () => Promise<boolean> {
    const body = JSON.stringify({ update_id: ++this.#updates, ...update });
    return async () => {
      const { status } = await SELF.fetch('https://dogwatch.test/hooks/telegram', {
        method: 'POST',
        headers: { 'x-telegram-bot-api-secret-token': 'telegram-secret', 'content-type': 'application/json' },
        body,
      });
      return status === 200;
    };
  }

  /** The operator writes in a chat, or in one of its topics. */
  says(chat: { id: number }, text: string, topic: number | null = null): () => Promise<boolean> {
    const from = { id: 4711, is_bot: false, first_name: 'Olga' };
    const place = topic === null ? {} : { message_thread_id: topic, is_topic_message: true };
    return this.telegram({ message: { message_id: ++this.#updates, date: 1, chat, from, text, ...place } });
  }

  press(data: string): () => Promise<boolean> {
    const from = { id: 4711, is_bot: false, first_name: 'Olga' };
    return this.telegram({ callback_query: { id: String(++this.#updates), from, data } });
  }

  /** Buttons that people got, in order. */
  get buttons(): string[] {
    return this.outside
      .asked('POST', /sendMessage/)
      .map(({ body }) => body as { reply_markup?: { inline_keyboard: { callback_data: string }[][] } })
      .flatMap(({ reply_markup: markup }) => (markup?.inline_keyboard ?? []).flat())
      .map(({ callback_data: data }) => data);
  }

  tellPullRequest(pullRequest: PullRequest): () => Promise<boolean> {
    const repository = { id: REPOSITORY_ID, project: { id: PROJECT_ID, name: 'shop' } };
    const hook = {
      id: `88888888-0000-4000-8000-${String(pullRequest.pullRequestId).padStart(12, '0')}`,
      eventType: 'git.pullrequest.merged',
      publisherId: 'tfs',
      resource: { pullRequestId: pullRequest.pullRequestId, repository },
      resourceVersion: '1.0',
      resourceContainers: { project: { id: PROJECT_ID } },
    };
    return () => this.tellAzure(hook);
  }

  #servePullRequests(): void {
    const one = ({ url }: OutsideRequest) => {
      const id = Number(/pullrequests\/(\d+)/.exec(url.pathname)?.[1]);
      const found = this.#pullRequests.find(({ pullRequestId }) => pullRequestId === id);
      if (!found) throw new Error(`no pull request ${id}`);
      return found;
    };
    this.outside
      .json('GET', /\/pullrequests\?/, ({ url }) => ({
        value: this.#pullRequests.filter(
          ({ sourceRefName }) => sourceRefName === url.searchParams.get('searchCriteria.sourceRefName'),
        ),
      }))
      .json('GET', /\/pullrequests\/\d+\?/, one)
      .json('POST', /\/pullrequests\?/, ({ body }) => {
        const { sourceRefName, targetRefName } = body as { sourceRefName: string; targetRefName: string };
        this.deeds.push('pull request');
        const made = {
          ...pullRequestJson(++this.#lastPullRequest),
          sourceRefName,
          targetRefName,
          lastMergeSourceCommit: { commitId: this.#branches.get(sourceRefName) ?? '' },
        };
        this.#pullRequests.push(made);
        return made;
      })
      .json('PATCH', /\/pullrequests\/\d+\?/, (request) => {
        const found = one(request);
        if (found.status !== 'active') return Response.json({ typeKey: 'NotEditable' }, { status: 409 });
        this.deeds.push('merge');
        Object.assign(found, { status: 'completed', closedDate: new Date().toISOString() });
        return found;
      });
  }

  forget(): void {
    this.model = judges;
    this.outside.requests.length = 0;
    this.deeds.length = 0;
    this.azure.builds.length = 0;
    this.#pullRequests.length = 0;
    this.#branches.clear();
  }

  /** A build that has ended; the attempt that tells of it. */
  build(
    about: Omit<Parameters<typeof buildJson>[0], 'id'> & { definition?: number },
  ): () => Promise<boolean> {
    const id = ++this.#builds;
    const { definition = 1, ...rest } = about;
    const build = { ...buildJson({ id, ...rest }), definition: { id: definition, name: 'parcel-rates-ci' } };
    this.azure.builds.push(build);
    const hook = buildHook(`77777777-0000-4000-8000-${String(id).padStart(12, '0')}`, id);
    return () => this.tellAzure(hook);
  }

  async tellAzure(hook: unknown): Promise<boolean> {
    const { status } = await SELF.fetch('https://dogwatch.test/hooks/azure-devops', {
      method: 'POST',
      headers: { 'x-webhook-secret': 'hook-new' },
      body: JSON.stringify(hook),
    });
    return status === 202;
  }

  /** What people got, by chat; what differs from round to round is left out. */
  get told(): Told[] {
    return (
      this.outside
        .asked('POST', /sendMessage/)
        .map(({ body }) => body as { chat_id: unknown; text: string })
        // Many courses in a row are a burst, of which the operator is told; it belongs to none of them.
        .filter(({ text }) => !text.includes('burst of runs'))
        .map(({ chat_id: chat, text }) => ({
          text: `${chat} ${plain(text.replace(REPEATED, ''))}`,
          isMarked: REPEATED.test(text),
        }))
    );
  }
}

/** What differs from round to round is left out. */
export const plain = (text: string): string =>
  text
    .replaceAll(/^Took [^,]+,/gm, 'Took a while,')
    .replaceAll(/\b[a-z]{3}_[0-9A-Z]{26}/g, 'ID')
    .replaceAll(/\b[0-9a-f]{8,64}\b/g, 'HASH')
    .replaceAll(/\d+/g, 'N');

export const viewOf = async (incident: string): Promise<IncidentView | null> =>
  incidentStub(env, incident)
    .view()
    .catch(() => null);
