import type { AdminAction } from '../../core/contracts/admin-action.ts';
import type { Intent } from '../../core/contracts/intents.ts';
import { hasTable } from './checks.ts';
import type { Row } from './database.ts';
import type { ObjectState } from './objects.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

const OPERATOR = { authorization: 'Bearer operator-token' };
const AGAIN_MS = 30_000;

/** What the operator has agents do for each other, and what agents ask a person's permission for. */
export class Errands {
  readonly #world: World;
  readonly #random: Random;
  readonly #isBusy: boolean;
  readonly #asked: string[] = [];
  /** Host commands that were executed, by intent. */
  readonly #executed = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random('errands');
    this.#isBusy = this.#random.chance(0.4);
  }

  aWhile(): void {
    if (!this.#isBusy || !this.#random.chance(0.4)) return;
    const id = `errand-${this.#asked.length + 1}-end`;
    this.#asked.push(id);
    this.#ask(id);
  }

  /** Until it is taken; under one id it is one task. */
  #ask(id: string): void {
    const body = JSON.stringify({ id, text: `see to ${id}` });
    void this.#world.ask('POST', '/api/groups/team/tasks', body, OPERATOR).then((status) => {
      if (status !== 202) this.#world.clock.after(AGAIN_MS, () => this.#ask(id));
    });
  }

  /** What an agent would have done with more rights than it has. */
  wish(group: string): Intent['body'] {
    const reason = 'The disk is full.';
    if (this.#random.chance(0.5))
      return {
        kind: 'host_command',
        host: 'staging',
        target: 'ab'.repeat(32),
        argv: ['docker', 'rm', `old-${this.#random.between(1, 9)}`],
        command: 'docker rm',
        group,
        reason,
      };
    const action = this.#random.pick<AdminAction>([
      { kind: 'run_schedule', schedule: 'reconcile' },
      { kind: 'allow_relay_route', from: 'cody', to: 'sam' },
      { kind: 'for_a_person', text: 'Look at the disk.' },
    ]);
    return { kind: 'admin_request', group, title: 'Make room', reason, action };
  }

  /** A runner does it, whatever was permitted. */
  executes({ id }: Intent): void {
    const times = (this.#executed.get(id) ?? 0) + 1;
    this.#executed.set(id, times);
    if (times > 1) this.#world.violate(`the host command ${id} is executed ${times} times`);
    const incident = this.#requests().find(({ intent }) => intent === id)?.incident;
    if (!this.#world.pressed.includes(`ok:${incident}:1`))
      this.#world.violate(`the host command ${id} is executed without approval`);
  }

  check(): void {
    for (const id of this.#asked) {
      const turns = this.#messages().filter(({ thread }) => thread === `api:${id}`);
      const own = turns.filter(({ answers }) => answers === null);
      const task = this.#world.objects.of('INCIDENT').find((incident) => threadOf(incident) === `api:${id}`);
      if (own.length === 0 && task && isBuried(task, 'post_message')) continue;
      if (own.length !== 1) this.#world.violate(`${id} is ${own.length} turns of its group`);
    }
    this.#checkRequests();
    this.#checkAnswers();
  }

  figures(): Record<string, number> {
    return {
      requests: this.#requests().length,
      executed: this.#executed.size,
      dispatches: this.#messages().filter(({ answers }) => answers !== null).length,
    };
  }

  /** Each wish that a run was told of became one request; what was permitted was done once, the rest never. */
  #checkRequests(): void {
    const { objects } = this.#world;
    const requests = this.#requests();
    for (const run of objects.of('RUN').filter((state) => hasTable(state, 'intents')))
      for (const { id, body } of run.rows('SELECT id, body FROM intents')) {
        const { kind } = (JSON.parse(String(body)) as Intent).body;
        if (kind === 'push_fix' || requests.some(({ intent }) => intent === id)) continue;
        if (!isBuried(run, 'file_request'))
          this.#world.violate(`the request ${id} of ${run.name} reaches nobody`);
      }
    const firings = objects.of('SCHEDULER').flatMap((state) => state.rows('SELECT id FROM firings'));
    for (const { intent, incident, status, body } of requests) {
      const isHost = body.kind === 'host_command';
      const isFiring = body.kind === 'admin_request' && body.action.kind === 'run_schedule';
      const times = isHost
        ? (this.#executed.get(intent) ?? 0)
        : firings.filter(({ id }) => String(id).endsWith(`:run:${intent}`)).length;
      const isPermitted = this.#world.pressed.includes(`ok:${incident}:1`);
      if (times > 1 || (times > 0 && !isPermitted) || (times === 0 && isHost && status === 'approved'))
        this.#world.violate(`the request ${incident} is ${status} and was done ${times} times`);
      if (isFiring && status !== 'approved' && status !== 'failed' && times > 0)
        this.#world.violate(`the request ${incident} is ${status}, and its schedule ran`);
    }
  }

  /** What came of a dispatched task is told once to the group that dispatched it. */
  #checkAnswers(): void {
    const answers = this.#messages().flatMap(({ answers: told }) =>
      told === null ? [] : [(JSON.parse(String(told)) as { incident: string }).incident],
    );
    for (const incident of this.#world.objects.of('INCIDENT')) {
      const [accepted] = facts(incident, 'task_accepted') as { request: { source: string } }[];
      const isDispatched = accepted?.request.source === 'dispatch';
      const times = answers.filter((one) => one === incident.name).length;
      if (times === 0 && isBuried(incident, 'answer_dispatch')) continue;
      if (times !== (isDispatched ? 1 : 0))
        this.#world.violate(`${incident.title} is answered ${times} times`);
    }
  }

  #messages(): Row[] {
    return this.#world.objects
      .of('GROUP_QUEUE')
      .filter((queue) => hasTable(queue, 'messages'))
      .flatMap((queue) => queue.rows('SELECT thread, answers FROM messages WHERE turn = 1'));
  }

  #requests() {
    return this.#world.objects.of('INCIDENT').flatMap((incident) => {
      const [accepted] = facts(incident, 'request_accepted') as { filed: { intent: Intent } }[];
      if (accepted === undefined) return [];
      const { id: intent, body } = accepted.filed.intent;
      const ends = facts(incident, 'status_changed') as { status: string }[];
      return [{ intent, incident: incident.name, status: ends.at(-1)?.status ?? 'idle', body }];
    });
  }
}

const threadOf = (incident: ObjectState): string | undefined =>
  (facts(incident, 'task_accepted') as { request: { thread: string } }[])[0]?.request.thread;

/** It died after its tries, and waits as a dead letter. */
const isBuried = (state: ObjectState, kind: string): boolean =>
  hasTable(state, 'outbox') &&
  state.rows(`SELECT 1 FROM outbox WHERE state = 'dead' AND kind = ?`, kind).length > 0;

function facts(incident: ObjectState, type: string): unknown[] {
  if (!hasTable(incident, 'journal')) return [];
  return incident
    .rows('SELECT data FROM journal WHERE type = ? ORDER BY seq', type)
    .map(({ data }) => JSON.parse(String(data)));
}
