/** The words of Azure DevOps for the state of a service hook subscription. */
export const HOOK_STATUSES = [
  'enabled',
  'onProbation',
  'disabledByUser',
  'disabledBySystem',
  'disabledByInactiveIdentity',
] as const;
export type HookStatus = (typeof HOOK_STATUSES)[number];

export interface Subscription {
  id: string;
  eventType: string;
  status: HookStatus;
}

/** What was last said of each subscription; `none`: that there is no subscription at all. */
export interface HookMemory {
  known: Record<string, Pick<Subscription, 'eventType' | 'status'>>;
  none: boolean;
}

export type HookNews =
  | { kind: 'broken'; eventType: string; status: Exclude<HookStatus, 'enabled'> }
  | { kind: 'removed'; eventType: string }
  | { kind: 'well'; eventType: string }
  | { kind: 'none' };

/** What the operator should hear, once per change, of the subscriptions that lead here. Pure. */
export function hookNews(
  memory: HookMemory | null,
  subscriptions: readonly Subscription[],
): { news: HookNews[]; memory: HookMemory } {
  const known = memory?.known ?? {};
  const news: HookNews[] = [];
  for (const { id, eventType, status } of subscriptions) {
    const before = known[id]?.status ?? 'enabled';
    if (before === status) continue;
    news.push(status === 'enabled' ? { kind: 'well', eventType } : { kind: 'broken', eventType, status });
  }
  const ids = new Set(subscriptions.map(({ id }) => id));
  for (const [id, { eventType }] of Object.entries(known))
    if (!ids.has(id)) news.push({ kind: 'removed', eventType });
  const none = subscriptions.length === 0;
  if (none && news.length === 0 && memory?.none !== true) news.push({ kind: 'none' });
  const now = subscriptions.map(({ id, eventType, status }) => [id, { eventType, status }] as const);
  return { news, memory: { known: Object.fromEntries(now), none } };
}
