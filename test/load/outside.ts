import { createTelegramTwin, type TelegramTwin } from '../../twins/telegram/index.ts';
import { LoadAzureDevOps } from './azure-devops.ts';
import { LoadModel } from './model.ts';
import { LoadRunner } from './runner.ts';

export const OPERATOR = { id: 4711, is_bot: false, first_name: 'Olga' };
export const OPERATOR_TOKEN = 'operator-token';
const TELEGRAM_TOKEN = '7000000001:load';
const TELEGRAM_SECRET = 'telegram-secret';
const HOOK_SECRET = 'hook-secret';

/** Everything outside the Worker, ready for many incidents at once. */
export interface Outside {
  azure: LoadAzureDevOps;
  telegram: TelegramTwin;
  model: LoadModel;
  runner: LoadRunner;
  /** What the Worker is told, `PUBLIC_URL` left out. */
  settings: Record<string, string>;
  /** To be called when the Worker's address is known. */
  connect(workerUrl: string): void;
  close(): Promise<void>;
}

export async function openOutside(): Promise<Outside> {
  const azure = new LoadAzureDevOps();
  const model = new LoadModel();
  const runner = new LoadRunner(azure);
  await azure.open();
  await model.open();
  const { settings, connect } = await runner.open();
  const telegram = await createTelegramTwin({
    token: TELEGRAM_TOKEN,
    chats: [{ id: OPERATOR.id, type: 'private', firstName: OPERATOR.first_name }],
    // Kills make for repeats, and what is counted here is those, not the pace.
    limits: false,
    webhookRetryMs: 200,
  });
  return {
    azure,
    telegram,
    model,
    runner,
    settings: {
      AZURE_DEVOPS_URL: azure.url,
      AZURE_DEVOPS_PROJECTS: 'shop',
      AZURE_DEVOPS_PAT: 'pat',
      AZURE_DEVOPS_WEBHOOK_SECRET: HOOK_SECRET,
      TELEGRAM_API_ROOT: telegram.url,
      TELEGRAM_BOT_TOKEN: TELEGRAM_TOKEN,
      TELEGRAM_WEBHOOK_SECRET: TELEGRAM_SECRET,
      OPERATOR_TELEGRAM_ID: String(OPERATOR.id),
      OPERATOR_TOKEN,
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'key',
      ...settings,
    },
    connect(workerUrl) {
      telegram.setWebhook(`${workerUrl}/hooks/telegram`, TELEGRAM_SECRET);
      connect(workerUrl);
    },
    async close() {
      await runner.close();
      await Promise.all([azure.close(), model.close(), telegram.close()]);
    },
  };
}

/** What a service hook is sent with. */
export const hookHeaders = { 'content-type': 'application/json', 'x-webhook-secret': HOOK_SECRET };
