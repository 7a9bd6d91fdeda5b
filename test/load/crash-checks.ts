import { operatorApi } from '../../scripts/operator/operator-api.ts';
import { OPERATOR, OPERATOR_TOKEN, type Outside } from './outside.ts';
import type { Sender } from './sender.ts';
import type { Workerd } from './workerd.ts';

export interface AfterCrashes {
  accepted: number;
  /** Of those accepted, the ones that came to an end. */
  handled: number;
  incidents: { expected: number; opened: number; resolved: number };
  /** What the twins saw more often than once, though it has a key or is looked up first. */
  duplicates: { pullRequests: number; merges: number; pushes: number; sessions: number };
  /** `twice`: came more often than decided; only what says so of itself may. */
  telegram: { messages: number; decided: number; marked: number; twice: number };
  deadLetters: number;
  /** Empty when all is well. */
  problems: string[];
}

interface View {
  journal: { type: string; data: { kind?: string; reason?: string; data?: { message?: string } } }[];
  outbox: { key: string; state: string }[];
}

const FINAL = ['delivered', 'ignored', 'closed', 'refused'];
const REMARK = '(sent again: the first may have arrived too)';

/** Holds what was promised against what the outside saw. */
export async function checkAfterCrashes(
  worker: Workerd,
  outside: Outside,
  sender: Sender,
  incidentsExpected: number,
): Promise<AfterCrashes> {
  const api = operatorApi(worker.url, OPERATOR_TOKEN);
  const problems: string[] = [];
  const accepted = [...sender.figures.accepted.values()];
  const rows = await worker.rows<{ id: string; status: string }>('SELECT id, status FROM deliveries');
  const statusOf = new Map(rows.map(({ id, status }) => [id, status]));
  const lost = accepted.filter((id) => !FINAL.includes(statusOf.get(id) ?? ''));
  for (const id of lost.slice(0, 5))
    problems.push(`${id} was accepted and is ${statusOf.get(id) ?? 'nowhere'}`);

  const incidents = await lookAtIncidents(worker);
  if (incidents.length !== incidentsExpected)
    problems.push(`${incidents.length} incidents for ${incidentsExpected} broken pipelines`);
  for (const { id, status, endReason, undone } of incidents) {
    const { identical } = await api.send<{ identical: boolean }>('POST', `/api/incidents/${id}/replay`);
    if (!identical) problems.push(`${id}: replay differs from its state`);
    // A pipeline that fails on and on is a person's.
    if (status !== 'resolved' && endReason !== 'same_step') problems.push(`${id} is ${status}: ${endReason}`);
    for (const { key, state } of undone) problems.push(`${id}: effect ${key} is ${state}`);
  }

  const { pullRequests, pushes } = outside.azure;
  const duplicates = {
    pullRequests: repeats(pullRequests.map(({ repository, source }) => `${repository} ${source}`)),
    merges: pullRequests.filter(({ completions }) => completions > 1).length,
    pushes: repeats(pushes),
    sessions: [...outside.runner.begun.values()].reduce((sum, times) => sum + times - 1, 0),
  };
  for (const [what, n] of Object.entries(duplicates)) if (n > 0) problems.push(`${n} ${what} twice`);

  const telegram = messagesOf(outside, new Set(incidents.flatMap(({ told }) => told)).size);
  if (telegram.twice < 0) problems.push(`${-telegram.twice} messages to the operator never came`);
  if (telegram.twice > telegram.marked)
    problems.push(`${telegram.twice - telegram.marked} messages came again without saying so`);
  const deadLetters = (await api.list('/api/dead-letters')).length;
  if (deadLetters > 0) problems.push(`${deadLetters} dead letters`);
  return {
    accepted: accepted.length,
    handled: accepted.length - lost.length,
    incidents: {
      expected: incidentsExpected,
      opened: incidents.length,
      resolved: incidents.filter(({ status }) => status === 'resolved').length,
    },
    duplicates,
    telegram,
    deadLetters,
    problems,
  };
}

interface IncidentLook {
  id: string;
  status: string;
  endReason: string | null;
  /** Messages to the operator that were decided. */
  told: string[];
  undone: { key: string; state: string }[];
}

export async function lookAtIncidents(worker: Workerd): Promise<IncidentLook[]> {
  const api = operatorApi(worker.url, OPERATOR_TOKEN);
  const rows = await worker.rows<{ id: string; status: string }>('SELECT id, status FROM incidents');
  const looks: IncidentLook[] = [];
  for (const { id, status } of rows) {
    const { journal, outbox } = await api.get<View>(`/api/incidents/${id}`);
    looks.push({
      id,
      status,
      endReason: journal.findLast(({ type }) => type === 'episode_ended')?.data.reason ?? null,
      told: journal
        .filter(({ type, data }) => type === 'effect_requested' && data.kind === 'notify_operator')
        .map(({ data }) => data.data?.message ?? ''),
      undone: outbox.filter(({ state }) => state !== 'done'),
    });
  }
  return looks;
}

/** A message to a person has no key at Telegram: one in flight at a crash comes again, and says so. */
export function messagesOf({ telegram }: Outside, decided: number): AfterCrashes['telegram'] {
  const texts = telegram
    .messages(OPERATOR.id)
    .filter(({ fromBot }) => fromBot)
    .map(({ text, history }) => history[0]?.text ?? text);
  const marked = texts.filter((text) => text.includes(REMARK)).length;
  return { messages: texts.length, decided, marked, twice: texts.length - decided };
}

const repeats = (names: readonly string[]): number => names.length - new Set(names).size;
