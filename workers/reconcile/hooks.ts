import { type HookMemory, type HookNews, hookNews } from '../../core/reconcile/hook-news.ts';
import { html } from '../../core/text/plain.ts';
import type { AzureDevOps } from '../adapters/azure-devops/client.ts';
import { AzureDevOpsError } from '../adapters/azure-devops/error.ts';
import { listSubscriptions } from '../adapters/azure-devops/subscriptions.ts';
import { type Env, publicUrl, SettingError } from '../env.ts';
import { tellOperator } from '../tell-operator.ts';

export interface HooksLook {
  memory: HookMemory | null;
  /** What a person should know of this look; null: all is as before. */
  note: string | null;
}

/** Asks whether Azure DevOps still sends to us, and tells the operator once of each change. */
export async function lookAtHooks(
  env: Env,
  api: AzureDevOps,
  before: HookMemory | null,
  key: string,
  nowMs: number,
): Promise<HooksLook> {
  try {
    const address = `${publicUrl(env)}/hooks/azure-devops`;
    const { news, memory } = hookNews(before, await listSubscriptions(api, address));
    if (news.length === 0) return { memory, note: null };
    const text = hookNewsText(news);
    await tellOperator(env, { key: `${key}:hooks`, html: text, at: nowMs });
    return { memory, note: noteOf(news) };
  } catch (error) {
    const isExpected = error instanceof AzureDevOpsError || error instanceof SettingError;
    if (!isExpected) throw error;
    return { memory: before, note: `the state of the service hooks is not known: ${error.message}` };
  }
}

function noteOf(news: readonly HookNews[]): string {
  const bad = news.filter(({ kind }) => kind !== 'well').length;
  return `the operator was told of service hooks: ${bad} do not work, ${news.length - bad} work again`;
}

const STATUS_TEXT: Record<Extract<HookNews, { kind: 'broken' }>['status'], string> = {
  onProbation: 'on probation: new events are lost',
  disabledByUser: 'switched off by a person',
  disabledBySystem: 'switched off by Azure DevOps',
  disabledByInactiveIdentity: 'switched off: the account that made it is gone',
};

/** Telegram HTML: the fact first, then the way out. */
export function hookNewsText(news: readonly HookNews[]): string {
  const isBad = news.some(({ kind }) => kind !== 'well');
  const lines = news.map((one) => `• ${newsLine(one)}`);
  if (!isBad) return ['✅ <b>Azure DevOps tells us again</b>', ...lines].join('\n');
  return [
    '⚠️ <b>Azure DevOps does not tell us everything</b>',
    ...lines,
    'Builds are found by asking every 15 minutes meanwhile. Mend it in Project settings → Service hooks.',
  ].join('\n');
}

function newsLine(news: HookNews): string {
  switch (news.kind) {
    case 'broken':
      return `${html(news.eventType, 80)}: ${STATUS_TEXT[news.status]}`;
    case 'removed':
      return `${html(news.eventType, 80)}: removed`;
    case 'well':
      return `${html(news.eventType, 80)}: well again`;
    case 'none':
      return 'no service hook leads here';
  }
}
