/** Subscriptions, and the delivery of events to them: in the service's words, with its retries and probation. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type HookEvent, notificationBody } from './hook-event.ts';
import { type DeliveryState, decideDelivery, type SubscriptionStatus } from './hook-schedule.ts';
import { newGuid, type World } from './world.ts';

export type Subscription = {
  id: string;
  eventType: string;
  publisherId: string;
  resourceVersion: string;
  status: SubscriptionStatus;
  publisherInputs: Record<string, string>;
  consumerInputs: Record<string, string>;
  createdAt: number;
  notifications: number;
};

export type NewSubscription = Pick<
  Subscription,
  'eventType' | 'publisherId' | 'resourceVersion' | 'publisherInputs' | 'consumerInputs'
>;

export type Delivery = {
  notificationId: number;
  subscriptionId: string;
  eventId: string;
  eventType: string;
  /** ISO-8601 UTC. */
  at: string;
  attempt: number;
  url: string;
  /** 0 where no answer came or nothing was sent. */
  status: number;
  outcome: 'delivered' | 'retrying' | 'probation' | 'disabled' | 'lost';
  body: Record<string, unknown>;
};

export type Hooks = {
  subscriptions: Subscription[];
  deliveries: Delivery[];
  subscribe(wanted: NewSubscription): Subscription;
  publish(event: HookEvent): void;
  /** Sends a notification once more, as it was. Answers the receiver's HTTP status. */
  redeliver(notificationId: number, subscriptionId?: string): Promise<number | undefined>;
  /** Resolves when no delivery is under way; a waiting retry counts. */
  idle(): Promise<void>;
  close(): Promise<void>;
};

const answerTimeoutMs = 30_000;

export function createHooks(world: World, options: { timeScale: number }): Hooks {
  const subscriptions: Subscription[] = [];
  const deliveries: Delivery[] = [];
  const underWay = new Set<Promise<void>>();
  const abort = new AbortController();

  const deliver = async (subscription: Subscription, delivery: Delivery): Promise<void> => {
    let state: DeliveryState = { phase: 'transient', retries: 0 };
    for (let attempt = 1; !abort.signal.aborted; attempt += 1) {
      const status = await send(subscription, delivery.body, abort.signal);
      if (abort.signal.aborted) return;
      const decision = decideDelivery(status, state);
      const outcome =
        decision.kind === 'done'
          ? 'delivered'
          : decision.kind === 'disable'
            ? 'disabled'
            : decision.status === 'onProbation'
              ? 'probation'
              : 'retrying';
      deliveries.push({ ...delivery, attempt, status, outcome, at: new Date(world.now()).toISOString() });
      if (decision.kind === 'done') {
        if (subscription.status === 'onProbation') subscription.status = 'enabled';
        return;
      }
      if (decision.kind === 'disable') {
        subscription.status = 'disabledBySystem';
        return;
      }
      subscription.status = decision.status;
      state = decision.state;
      const waited = await sleep(decision.afterMs * options.timeScale, true, { signal: abort.signal }).catch(
        () => false,
      );
      if (!waited) return;
    }
  };

  return {
    subscriptions,
    deliveries,
    subscribe(wanted) {
      const subscription: Subscription = {
        ...wanted,
        id: newGuid(),
        status: 'enabled',
        createdAt: world.now(),
        notifications: 0,
      };
      subscriptions.push(subscription);
      return subscription;
    },
    publish(event) {
      const eventId = newGuid();
      for (const subscription of subscriptions) {
        if (!wants(subscription, event)) continue;
        subscription.notifications += 1;
        const delivery = firstDelivery(world, subscription, event, eventId);
        if (subscription.status !== 'enabled') {
          deliveries.push(delivery);
          continue;
        }
        const work = deliver(subscription, delivery).finally(() => underWay.delete(work));
        underWay.add(work);
      }
    },
    async redeliver(notificationId, subscriptionId) {
      const known = deliveries.findLast(
        (one) =>
          one.notificationId === notificationId &&
          (subscriptionId === undefined || one.subscriptionId === subscriptionId),
      );
      const subscription = subscriptions.find((one) => one.id === known?.subscriptionId);
      if (!known || !subscription) return undefined;
      const status = await send(subscription, known.body, abort.signal);
      deliveries.push({ ...known, attempt: known.attempt + 1, status, outcome: 'delivered' });
      return status;
    },
    async idle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
    async close() {
      abort.abort();
      await Promise.all(underWay);
    },
  };
}

function firstDelivery(
  world: World,
  subscription: Subscription,
  event: HookEvent,
  eventId: string,
): Delivery {
  const at = world.now();
  return {
    notificationId: subscription.notifications,
    subscriptionId: subscription.id,
    eventId,
    eventType: event.eventType,
    at: new Date(at).toISOString(),
    attempt: 0,
    url: subscription.consumerInputs.url ?? '',
    status: 0,
    outcome: 'lost',
    body: notificationBody(world, event, {
      id: eventId,
      subscriptionId: subscription.id,
      notificationId: subscription.notifications,
      resourceVersion: subscription.resourceVersion,
      at,
    }),
  };
}

function wants(subscription: Subscription, event: HookEvent): boolean {
  if (subscription.eventType !== event.eventType) return false;
  return Object.entries(event.filters).every(([name, value]) => {
    const wanted = subscription.publisherInputs[name];
    if (wanted === undefined || wanted === '') return true;
    const short = value.replace(/^refs\/heads\//, '');
    return [value, short].some((one) => one.toLowerCase() === wanted.toLowerCase());
  });
}

/** The receiver's HTTP status; 0 where none came. A redirect is an answer like any other. */
async function send(
  subscription: Subscription,
  body: Record<string, unknown>,
  signal: AbortSignal,
): Promise<number> {
  const url = subscription.consumerInputs.url;
  if (!url) return 0;
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...consumerHeaders(subscription.consumerInputs), 'user-agent': 'VSServices/19.0' },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerTimeoutMs)]),
    });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 0;
  }
}

/** `httpHeaders` holds one `name:value` per line. */
export function consumerHeaders(inputs: Record<string, string>): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': 'application/json; charset=utf-8' };
  for (const line of (inputs.httpHeaders ?? '').split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  const { basicAuthUsername: user, basicAuthPassword: password } = inputs;
  if (user !== undefined || password !== undefined) {
    headers.authorization = `Basic ${Buffer.from(`${user ?? ''}:${password ?? ''}`).toString('base64')}`;
  }
  return headers;
}
