import type { AdminAction } from '../../contracts/admin-action.ts';
import { html, plain } from '../../text/plain.ts';
import type { Filed } from './events.ts';
import type { AdminRequestState } from './state.ts';

/** What would be done, exactly: a word that is not shown is not approved. */
export function wording({ intent: { body } }: Filed): string {
  if (body.kind === 'host_command')
    return `on <b>${html(body.host, 64)}</b>:\n<pre>${body.argv.map((word) => html(JSON.stringify(word), 4_096)).join(' ')}</pre>`;
  return `${html(body.title, 120)}\n${actionText(body.action)}`;
}

/** One plain line for lists. */
export function titleOf({ group, intent: { body } }: Filed): string {
  const what = body.kind === 'host_command' ? `${body.argv.join(' ')} on ${body.host}` : body.title;
  return plain(`${group}: ${what}`, 200);
}

/** Longest exact wording that one chat message can show whole. */
export const MAX_WORDING_CHARS = 3_000;

function actionText(action: AdminAction): string {
  switch (action.kind) {
    case 'allow_relay_route':
      return `Let <b>${html(action.from)}</b> write to <b>${html(action.to)}</b>`;
    case 'remove_relay_route':
      return `Stop <b>${html(action.from)}</b> writing to <b>${html(action.to)}</b>`;
    case 'pause_schedule':
      return `Pause the schedule <b>${html(action.schedule)}</b>`;
    case 'resume_schedule':
      return `Resume the schedule <b>${html(action.schedule)}</b>`;
    case 'run_schedule':
      return `Run the schedule <b>${html(action.schedule)}</b> now`;
    case 'for_a_person':
      return `For you to do: ${html(action.text, 2_000)}`;
  }
}

export function askText(state: AdminRequestState, filed: Filed): string {
  const { body } = filed.intent;
  const what = body.kind === 'host_command' ? 'a command that cannot be undone' : 'a request';
  return `🟠 <b>${html(filed.group, 40)}</b> asks for ${what}, ${wording(filed)}
Why: ${html(body.reason, 500)}
Approve only what you have read: exactly this is done, once. It expires in 24 hours.
<code>${state.incident}</code>`;
}

export function settledLine({ status, verdict, outcome }: AdminRequestState): string {
  const said = outcome === null ? '' : ` ${html(outcome, 600)}`;
  switch (status) {
    case 'approved':
      return `✅ Approved and done.${said}`;
    case 'failed':
      return verdict === null ? `⚠️ Failed.${said}` : `⚠️ Approved, but not done.${said}`;
    case 'denied':
      return '⛔ Denied: nothing was done.';
    case 'expired':
      return '⌛ Expired unanswered: nothing was done.';
    default:
      return `${html(status, 20)}.${said}`;
  }
}

/** For the agent that asked: plain. */
export function tellAsker({ status, outcome, filed }: AdminRequestState): string {
  const { body } = filed?.intent ?? {};
  const what = body?.kind === 'host_command' ? `${body.argv.join(' ')} on ${body.host}` : (body?.title ?? '');
  const ends: Partial<Record<AdminRequestState['status'], string>> = {
    approved: 'was approved and done.',
    denied: 'was denied. Do not look for a way around; go on without it or report that you are blocked.',
    expired: 'expired: nobody answered within 24 hours. Nothing was done.',
    failed: 'was not done.',
    aborted: 'was withdrawn.',
  };
  return `Your request "${what}" ${ends[status] ?? `is ${status}.`}${outcome === null ? '' : `\n${outcome}`}`;
}
