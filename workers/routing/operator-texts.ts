import { usd } from '../../core/cost/usd.ts';
import { html } from '../../core/text/plain.ts';
import type { RunPoolRpc } from '../../durable-objects/run-pool/run-pool-rpc.ts';
import type { PipelineChecks } from './check-pipelines.ts';

/** Answers to the operator, as Telegram HTML, short enough for a phone. */

export interface IncidentLine {
  id: string;
  status: string;
  title: string;
}

const MAX_LINES = 15;

export const helpText = [
  'I understand:',
  '<b>check the pipeline</b> – look at the latest builds and take up what failed',
  '/status – is it running, what is going on',
  '/incidents – open incidents',
  '/schedule – what the clock starts next',
  '/stop – end all agent sessions; nothing is lost',
  '/resume – go on where it was',
  '/help – this list',
  '<b>tell NAME: …</b>, or write in an agent’s chat – a message for the agent; it reaches a session that is going on',
  '/task … in an agent’s chat – a task beside what is going on',
  '/cancel – take your last message to that agent back',
  'Approve or deny a pull request with the buttons under its message.',
].join('\n');

export const unknownText = `That I do not understand yet.\n${helpText}`;

const branchOf = (ref: string): string =>
  ref.replace(/^refs\/heads\//, '').replace(/^refs\/pull\/(\d+)\/merge$/, 'PR $1');

export function checkText({ checks, unanswered }: PipelineChecks): string {
  const silent = unanswered.map(
    ({ project, reason }) => `⚠️ Project ${html(project, 60)} was not checked: ${html(reason, 200)}`,
  );
  return [builds(checks), ...silent].join('\n');
}

function builds(checks: PipelineChecks['checks']): string {
  if (checks.length === 0) return 'No completed build in the last 14 days.';
  const failed = checks.filter((check) => check.status !== null);
  const green = checks.length - failed.length;
  const lines = failed
    .slice(0, MAX_LINES)
    .map(
      ({ definition, ref, buildNumber, result, status }) =>
        `• ${html(definition, 60)} on <b>${html(branchOf(ref), 80)}</b>: ${html(buildNumber, 40)} ${result}` +
        `${status === 'duplicate' ? ' (known already)' : ', taken up'}`,
    );
  if (failed.length > MAX_LINES) lines.push(`… and ${failed.length - MAX_LINES} more`);
  const others = `${green} of ${checks.length} branches did not fail at their latest build.`;
  return failed.length === 0
    ? `All well: ${others}`
    : [`${failed.length} failed:`, ...lines, others].join('\n');
}

export function incidentsText(incidents: readonly IncidentLine[]): string {
  if (incidents.length === 0) return 'No incident is open.';
  const lines = incidents
    .slice(0, MAX_LINES)
    .map(
      ({ id, status, title }) =>
        `• <b>${html(status, 30)}</b> ${html(title, 120)}\n  <code>${html(id, 40)}</code>`,
    );
  if (incidents.length > MAX_LINES) lines.push(`… and ${incidents.length - MAX_LINES} more`);
  return [`${incidents.length} open:`, ...lines].join('\n');
}

type Pool = Awaited<ReturnType<RunPoolRpc['status']>>;

export function statusText(pool: Pool, open: number, nowMs: number): string {
  const lines = [
    pool.stopped ? '<b>Stopped.</b> /resume to go on.' : '<b>Running.</b>',
    `Open incidents: ${open}`,
    `Agent sessions: ${pool.leases.length} of ${pool.slots}, ${pool.waitingCount} waiting${pool.heldBack.length > 0 ? `; ${pool.heldBack.length} dispatched tasks held back until the next UTC day` : ''}`,
    ...pool.budget.caps.map(budgetLine),
  ];
  if (pool.budget.problem !== null) lines.push(`⚠️ Nothing new begins: ${html(pool.budget.problem, 200)}`);
  for (const { run, group } of pool.leases.slice(0, 5))
    lines.push(`• ${html(group, 30)} <code>${html(run, 40)}</code>`);
  if (pool.runners.length === 0) lines.push('No runner has reported yet.');
  for (const { name, lastSeenAt, running, capacity, problems, drained } of pool.runners)
    lines.push(
      `Runner ${html(name, 40)}: ${running}/${capacity}${drained ? ', drained' : ''}, seen ${secondsAgo(lastSeenAt, nowMs)} ago` +
        `${problems.length > 0 ? `, ${html(problems.join('; '), 200)}` : ''}`,
    );
  return lines.join('\n');
}

function budgetLine({
  cap,
  group,
  spentMicroUsd,
  capMicroUsd,
  level,
}: Pool['budget']['caps'][number]): string {
  const what = group === null ? `This ${cap}` : `${html(group, 30)} today`;
  return `${level === 'open' ? '' : '⚠️ '}${what}: ${usd(spentMicroUsd)} of ${usd(capMicroUsd)}`;
}

function secondsAgo(at: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - at) / 1_000));
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
