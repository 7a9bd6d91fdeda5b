/** REST: service-hook subscriptions of the web hooks consumer. */
import { jsonReply } from '../shared/twin-server.ts';
import { invalidArgument, notFound } from './errors.ts';
import { publisherOf } from './hook-event.ts';
import type { Hooks, Subscription } from './hooks.ts';
import { listReply } from './rest-builds.ts';
import { queryOf, type Route, route } from './router.ts';
import { azureTime, type World } from './world.ts';

type Body = {
  eventType?: string;
  publisherId?: string;
  resourceVersion?: string;
  consumerId?: string;
  status?: string;
  publisherInputs?: Record<string, string>;
  consumerInputs?: Record<string, string>;
};

export function hookRoutes(world: World, hooks: Hooks): Route[] {
  const find = (id: string | undefined): Subscription => {
    const found = hooks.subscriptions.find((one) => one.id === id);
    if (!found) throw notFound.subscription(id ?? '');
    return found;
  };
  return [
    route('GET', '/hooks/subscriptions', ({ query }) => {
      const wanted = (name: string, value: string): boolean =>
        (queryOf(query, name) ?? value).toLowerCase() === value.toLowerCase();
      const found = hooks.subscriptions.filter(
        (one) =>
          wanted('publisherId', one.publisherId) &&
          wanted('eventType', one.eventType) &&
          wanted('consumerId', 'webHooks') &&
          wanted('consumerActionId', 'httpRequest'),
      );
      return listReply(found.map((one) => subscriptionJson(world, one)));
    }),
    route('POST', '/hooks/subscriptions', async ({ request }) => {
      const body = (await request.json()) as Body;
      if (!body.eventType || !body.consumerInputs?.url || body.consumerId !== 'webHooks') {
        throw invalidArgument('eventType, consumerId webHooks and consumerInputs.url are needed.');
      }
      const made = hooks.subscribe({
        eventType: body.eventType,
        publisherId: body.publisherId ?? publisherOf(body.eventType),
        resourceVersion: body.resourceVersion ?? '',
        publisherInputs: body.publisherInputs ?? {},
        consumerInputs: body.consumerInputs,
      });
      return jsonReply(200, subscriptionJson(world, made));
    }),
    route('GET', '/hooks/subscriptions/:id', ({ params }) =>
      jsonReply(200, subscriptionJson(world, find(params.id))),
    ),
    route('PUT', '/hooks/subscriptions/:id', async ({ params, request }) => {
      const subscription = find(params.id);
      const body = (await request.json()) as Body;
      if (body.status === 'enabled' || body.status === 'disabledByUser') subscription.status = body.status;
      if (body.consumerInputs) subscription.consumerInputs = body.consumerInputs;
      return jsonReply(200, subscriptionJson(world, subscription));
    }),
    route('DELETE', '/hooks/subscriptions/:id', ({ params }) => {
      hooks.subscriptions.splice(hooks.subscriptions.indexOf(find(params.id)), 1);
      return { status: 204 };
    }),
  ];
}

/** Secrets in the inputs come back masked, as the service does. */
function subscriptionJson(world: World, subscription: Subscription): Record<string, unknown> {
  const who = { id: world.identities.developer.id };
  const { basicAuthPassword, httpHeaders, ...inputs } = subscription.consumerInputs;
  return {
    id: subscription.id,
    url: `${world.url}/_apis/hooks/subscriptions/${subscription.id}`,
    status: subscription.status,
    publisherId: subscription.publisherId,
    eventType: subscription.eventType,
    subscriber: null,
    resourceVersion: subscription.resourceVersion,
    eventDescription: subscription.publisherInputs.definitionName ?? 'Any',
    consumerId: 'webHooks',
    consumerActionId: 'httpRequest',
    actionDescription: `To host ${hostOf(subscription.consumerInputs.url)}`,
    probationRetries: subscription.status === 'onProbation' ? 1 : 0,
    createdBy: who,
    createdDate: azureTime(subscription.createdAt),
    modifiedBy: who,
    modifiedDate: azureTime(subscription.createdAt),
    publisherInputs: { projectId: world.project.id, ...subscription.publisherInputs },
    consumerInputs: {
      ...inputs,
      ...(basicAuthPassword === undefined ? {} : { basicAuthPassword: '********' }),
      ...(httpHeaders === undefined ? {} : { httpHeaders: httpHeaders.replace(/:.*$/gm, ':********') }),
    },
  };
}

function hostOf(url: string | undefined): string {
  return url && URL.canParse(url) ? new URL(url).hostname : '';
}
