/** Updates for the bot: to its webhook one after another, each repeated until it answers 2xx; or kept for getUpdates. */
import { setTimeout as sleep } from 'node:timers/promises';

export type Update = { update_id: number } & Record<string, unknown>;

export type Webhook = {
  url: string;
  secretToken?: string;
  allowedUpdates?: string[];
  maxConnections: number;
};

export type WebhookInfo = {
  url: string;
  has_custom_certificate: boolean;
  pending_update_count: number;
  max_connections?: number;
  ip_address?: string;
  last_error_date?: number;
  last_error_message?: string;
  allowed_updates?: string[];
};

export type Updates = {
  add(content: Record<string, unknown>): Update;
  setWebhook(webhook: Webhook | undefined): void;
  webhook(): Webhook | undefined;
  info(): WebhookInfo;
  dropPending(): void;
  /** What getUpdates answers: updates from `offset` on; those before it are forgotten. */
  read(offset: number | undefined, limit: number): Update[];
  /** Resolves when the webhook has taken all there is. */
  idle(): Promise<void>;
  close(): Promise<void>;
};

const answerTimeoutMs = 60_000;
const longestWaitMs = 60_000;

export function createUpdates(options: { firstUpdateId: number; retryBaseMs: number }): Updates {
  let pending: Update[] = [];
  let nextId = options.firstUpdateId;
  let webhook: Webhook | undefined;
  let lastError: { at: number; message: string } | undefined;
  let working: Promise<void> | undefined;
  const closing = new AbortController();
  let changed = new AbortController();

  const work = async (): Promise<void> => {
    let failures = 0;
    while (!closing.signal.aborted && webhook && pending.length > 0) {
      const [update] = pending;
      const failure = update && (await deliver(webhook, update, closing.signal));
      if (failure === undefined) {
        pending = pending.filter((one) => one !== update);
        failures = 0;
        continue;
      }
      lastError = { at: Date.now(), message: failure };
      const waitMs = Math.min(options.retryBaseMs * 2 ** failures, longestWaitMs);
      failures += 1;
      await sleep(waitMs, undefined, {
        signal: AbortSignal.any([closing.signal, changed.signal]),
      }).catch(() => undefined);
    }
  };

  const start = (): void => {
    working ??= work().finally(() => {
      working = undefined;
      if (!closing.signal.aborted && webhook && pending.length > 0) start();
    });
  };

  return {
    add(content) {
      const update = { update_id: nextId, ...content };
      nextId += 1;
      const wanted = webhook?.allowedUpdates;
      const kind = Object.keys(content)[0] ?? '';
      if (wanted && wanted.length > 0 && !wanted.includes(kind)) return update;
      pending.push(update);
      start();
      return update;
    },
    setWebhook(next) {
      webhook = next;
      lastError = undefined;
      changed.abort();
      changed = new AbortController();
      start();
    },
    webhook: () => webhook,
    info: () => ({
      url: webhook?.url ?? '',
      has_custom_certificate: false,
      pending_update_count: pending.length,
      ...(webhook ? { max_connections: webhook.maxConnections } : {}),
      ...(lastError
        ? { last_error_date: Math.floor(lastError.at / 1000), last_error_message: lastError.message }
        : {}),
      ...(webhook?.allowedUpdates ? { allowed_updates: webhook.allowedUpdates } : {}),
    }),
    dropPending() {
      pending = [];
    },
    read(offset, limit) {
      if (offset !== undefined) pending = pending.filter((update) => update.update_id >= offset);
      return pending.slice(0, limit);
    },
    async idle() {
      while (working) await working;
    },
    async close() {
      closing.abort();
      await working;
    },
  };
}

/** What went wrong, in the service's words; undefined when it went well. */
async function deliver(webhook: Webhook, update: Update, signal: AbortSignal): Promise<string | undefined> {
  try {
    const response = await fetch(webhook.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(webhook.secretToken === undefined
          ? {}
          : { 'x-telegram-bot-api-secret-token': webhook.secretToken }),
      },
      body: JSON.stringify(update),
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerTimeoutMs)]),
    });
    await response.arrayBuffer();
    if (response.ok) return undefined;
    return `Wrong response from the webhook: ${response.status} ${response.statusText}`;
  } catch (error) {
    return error instanceof Error && error.name === 'TimeoutError'
      ? 'Read timeout expired'
      : 'Connection refused';
  }
}
