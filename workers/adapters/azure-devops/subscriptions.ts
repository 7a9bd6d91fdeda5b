import { z } from 'zod';
import { HOOK_STATUSES, type Subscription } from '../../../core/reconcile/hook-news.ts';
import { type AzureDevOps, pathOf } from './client.ts';

const subscriptionSchema = z.object({
  id: z.string(),
  eventType: z.string(),
  status: z.string(),
  consumerId: z.string(),
  consumerInputs: z.record(z.string(), z.unknown()).nullish(),
});

/**
 * Service hook subscriptions of the organisation that send to this address. A status of a later version
 * counts as disabled. Throws AzureDevOpsError; the token needs Build (read).
 */
export async function listSubscriptions(api: AzureDevOps, address: string): Promise<Subscription[]> {
  const schema = z.object({ value: z.array(subscriptionSchema) });
  const { value } = await api.get(pathOf('_apis', 'hooks', 'subscriptions'), schema, {
    consumerId: 'webHooks',
  });
  const isOurs = ({ consumerId, consumerInputs }: z.infer<typeof subscriptionSchema>): boolean =>
    consumerId === 'webHooks' && sameAddress(String(consumerInputs?.url ?? ''), address);
  return value.filter(isOurs).map(({ id, eventType, status }) => ({
    id,
    eventType,
    status: HOOK_STATUSES.find((word) => word.toLowerCase() === status.toLowerCase()) ?? 'disabledBySystem',
  }));
}

function sameAddress(one: string, other: string): boolean {
  const plain = (url: string): string | null => {
    if (!URL.canParse(url)) return null;
    const { host, pathname } = new URL(url);
    return `${host}${pathname.replace(/\/+$/, '')}`.toLowerCase();
  };
  return plain(one) !== null && plain(one) === plain(other);
}
