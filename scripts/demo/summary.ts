import { CHATS } from './chats.ts';
import type { Stage } from './stage.ts';
import type { Terminal } from './terminal.ts';
import type { IncidentDetail } from './watch.ts';

interface RunRow {
  id: string;
  group: string;
  model: string;
  endReason: string | null;
  turns: number | null;
  toolCalls: number;
  startedAt: string | null;
  endedAt: string | null;
}

export interface CostRow {
  requestId: string;
  run: string;
  model: string;
  inputTokens: number;
  outputTokens: number;
  cacheReadTokens: number;
  cacheWrite5mTokens: number;
  cacheWrite1hTokens: number;
  microUsd: number;
}

const secondsBetween = (from: string, to: string): string =>
  ((Date.parse(to) - Date.parse(from)) / 1_000).toFixed(1);
const dollars = (microUsd: number): string => `$${(microUsd / 1_000_000).toFixed(4)}`;

/** What is left when the loop has ended: chats, diff, journal, cost, and where to look next. */
export async function printSummary(
  stage: Stage,
  incident: IncidentDetail,
  terminal: Terminal,
): Promise<void> {
  printChats(stage, terminal);
  await printDiff(stage, incident, terminal);
  printJournal(incident, terminal);
  await printCost(stage, terminal);
  printBuilds(stage, terminal);
}

function printChats(stage: Stage, terminal: Terminal): void {
  for (const { id, title } of Object.values(CHATS)) {
    const messages = stage.telegram.messages(id);
    if (messages.length === 0) continue;
    terminal.title(`Chat: ${title}`);
    for (const { from, text, buttons } of messages) {
      const lines = text.split('\n').map((line) => (line.length > 160 ? `${line.slice(0, 159)}…` : line));
      terminal.plain(`  ${from}: ${lines.join('\n      ')}`);
      const labels = buttons.flat().map((button) => `[${button.text}]`);
      if (labels.length > 0) terminal.plain(`      ${labels.join(' ')}`);
    }
  }
}

const MAX_DIFF_LINES = 80;

async function printDiff(stage: Stage, incident: IncidentDetail, terminal: Terminal): Promise<void> {
  const proposals = incident.journal.filter(({ type }) => type === 'fix_proposed');
  for (const { data } of proposals) {
    const { title, diff } = data as { title: string; diff: string };
    terminal.title(`Fix: ${title}`);
    const text = await stage.api.text(`/api/artifacts/${diff}`);
    const lines = text.split('\n');
    for (const line of lines.slice(0, MAX_DIFF_LINES)) terminal.plain(`  ${line}`);
    if (lines.length > MAX_DIFF_LINES) terminal.plain(`  … ${lines.length - MAX_DIFF_LINES} more lines`);
  }
}

function printJournal(incident: IncidentDetail, terminal: Terminal): void {
  terminal.title(`Journal of ${incident.id} (${incident.journal.length} entries, ${incident.status})`);
  const first = incident.journal[0]?.at ?? '';
  for (const { seq, at, type, data } of incident.journal) {
    if (type === 'received') continue;
    const status = type === 'status_changed' ? ` ${(data as { status: string }).status}` : '';
    const effect = type === 'effect_requested' ? ` ${(data as { kind: string }).kind}` : '';
    terminal.plain(
      `  ${String(seq).padStart(4)} ${secondsBetween(first, at).padStart(7)}s ${type}${status}${effect}`,
    );
  }
}

async function printCost(stage: Stage, terminal: Terminal): Promise<void> {
  const runs = await stage.api.list<RunRow>('/api/runs');
  const costs = await stage.api.list<CostRow>('/api/costs');
  terminal.title('Runs');
  for (const run of [...runs].reverse()) {
    const own = costs.filter((cost) => cost.run === run.id);
    const sum = (pick: (cost: CostRow) => number) => own.reduce((total, cost) => total + pick(cost), 0);
    const cacheWrites = sum((cost) => cost.cacheWrite5mTokens + cost.cacheWrite1hTokens);
    const took = run.startedAt && run.endedAt ? `${secondsBetween(run.startedAt, run.endedAt)} s` : '';
    terminal.plain(
      `  ${run.group.padEnd(6)} ${run.model.padEnd(18)} ${took.padStart(8)}  ${own.length} calls, ${run.toolCalls} tool calls, tokens in ${sum((c) => c.inputTokens)} out ${sum((c) => c.outputTokens)} cache read ${sum((c) => c.cacheReadTokens)} write ${cacheWrites}  ${dollars(sum((c) => c.microUsd))}`,
    );
  }
  terminal.plain(`  total ${dollars(costs.reduce((total, { microUsd }) => total + microUsd, 0))}`);
}

function printBuilds(stage: Stage, terminal: Terminal): void {
  terminal.title('Builds');
  for (const { buildNumber, sourceBranch, reason, result, startedAt, finishedAt } of stage.azure.builds()) {
    const took = startedAt && finishedAt ? `${((finishedAt - startedAt) / 1_000).toFixed(1)} s` : '';
    terminal.plain(`  ${buildNumber} ${sourceBranch} (${reason}) ${result ?? ''} ${took}`);
  }
}

export function printWhereNext(stage: Stage, incident: IncidentDetail | null, terminal: Terminal): void {
  terminal.title('Running until Ctrl-C');
  for (const [name, url] of Object.entries(stage.urls)) terminal.plain(`  ${name.padEnd(13)} ${url}`);
  terminal.plain(`  logs          ${stage.logDir}`);
  terminal.plain('  Look around:');
  const set = `DOGWATCH_URL=${stage.urls.Worker} OPERATOR_TOKEN=${stage.operatorToken}`;
  terminal.plain(`    ${set} npm run dogwatch -- status`);
  if (incident) terminal.plain(`    ${set} npm run dogwatch -- journal ${incident.id}`);
}
