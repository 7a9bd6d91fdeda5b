import { SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import type { StoredMessage } from '../../../durable-objects/group-queue/group-queue-rows.ts';
import { groupQueueStub, relayPolicyStub } from '../../../durable-objects/stubs.ts';
import { journalOf } from './objects.ts';
import type { Course, Round } from './play.ts';
import { intentOf, type Runner, report } from './runner.ts';
import type { Senders } from './senders.ts';
import { plain, type World } from './world.ts';

/** What people say in chats, and what agents do about it. */

export const RYAN = { id: -1001 };
const CODY = { id: -1002 };

export async function messagesOf(group: string): Promise<StoredMessage[]> {
  return (await groupQueueStub(env, group).messages(null, 200)).items;
}

/** How a round’s messages ended. Each names its round. */
export async function endsOf(group: string, round: number): Promise<string[]> {
  return (await messagesOf(group))
    .filter(({ text }) => text.includes(`round ${round}.`))
    .map(({ text, state }) => `${state}: ${plain(text)}`);
}

/** What is waited for, and what comes of it. */
export type Step = [isDue: () => boolean, act: () => void];

/** Said once, each when what it waits for has come. */
export class Script {
  readonly #steps: Step[];

  constructor(steps: Step[]) {
    this.#steps = steps;
  }

  act(): void {
    const [step] = this.#steps;
    if (!step?.[0]()) return;
    this.#steps.shift();
    step[1]();
  }

  get isOver(): boolean {
    return this.#steps.length === 0;
  }
}

/** A task of Ryan’s that goes as the script says, each step when what it waits for has come. */
export function taskOfRyan(
  about: Pick<Course, 'name' | 'world' | 'goesOn'>,
  runner: Runner,
  script: (senders: Senders) => Step[],
): Course {
  return {
    ...about,
    round(n): Round {
      let steps = new Script([]);
      return {
        begin(senders) {
          runner.forget();
          senders.tell(about.world.says(RYAN, `/task look at the agent, round ${n}.`));
          steps = new Script(script(senders));
        },
        act(senders) {
          steps.act();
          runner.act(senders);
        },
        isOver: async () => steps.isOver,
        outcome: async () => ({ ends: await endsOf('ryan', n) }),
      };
    },
  };
}

/** An order, one more word to its session, two that wait, and one of them canceled. */
export const chat = (world: World, runner: Runner): Course => ({
  name: 'a chat',
  world,
  round(n): Round {
    const say = (senders: Senders, text: string) => senders.tell(world.says(RYAN, `${text}, round ${n}.`));
    const isTold = (text: string) => world.told.some((one) => one.text.includes(text));
    let script = new Script([]);
    const ends = () => endsOf('ryan', n);
    return {
      begin(senders) {
        runner.forget();
        say(senders, 'Is the disk full');
        script = new Script([
          [() => runner.sessions.length === 1, () => say(senders, 'It is the new disk')],
          [() => runner.sessions[0]?.heard.length === 1, () => say(senders, '/task look at the agent')],
          [() => isTold('Queued: Nst'), () => say(senders, '/task look at its log')],
          [() => isTold('Queued: Nnd'), () => senders.tell(world.says(RYAN, '/cancel'))],
          [() => isTold('anceled'), () => runner.sessions[0]?.end(report)],
          [() => runner.sessions.length === 2, () => runner.sessions[1]?.end(report)],
        ]);
      },
      act(senders) {
        script.act();
        runner.act(senders);
      },
      isOver: async () => script.isOver,
      outcome: async () => ({ ends: await ends() }),
    };
  },
});

/** An agent that says the same twice, and asks for what it may not do itself. */
export const request = (world: World, runner: Runner): Course => ({
  name: 'a request of an agent',
  world,
  round(n): Round {
    const route = `place-${n}`;
    const answers = new Map<string, number>();
    let script = new Script([]);
    const first = () => {
      const [session] = runner.sessions;
      if (!session) throw new Error('no session');
      return session;
    };
    const relay = (senders: Senders, key: string) =>
      senders.tell(async () => {
        const status = await runner.relay(first(), key, 'ryan', `Have a look at round ${n}.`);
        if (status >= 500) return false;
        answers.set(key, status);
        return true;
      });
    return {
      begin(senders) {
        runner.forget();
        senders.tell(world.says(CODY, `/task see to it, round ${n}.`, 7));
        script = new Script([
          [() => runner.sessions.length === 1, () => relay(senders, 'one')],
          [() => answers.size === 1, () => relay(senders, 'two')],
          [
            () => answers.size === 2,
            () => {
              const { id, fence } = first().request;
              const action = { kind: 'allow_relay_route' as const, from: 'cody', to: route };
              const asked = { title: 'A route', reason: 'To ask there.', action, group: 'cody' };
              first().tell(intentOf(id, fence, { kind: 'admin_request', ...asked }));
              first().end(report);
            },
          ],
          [() => world.buttons.length > 0, () => senders.tell(world.press(world.buttons[0] ?? ''))],
        ]);
      },
      act(senders) {
        script.act();
        runner.act(senders);
      },
      isOver: async () => script.isOver && (await timesAllowed(route)) > 0,
      outcome: async () => ({ answers: [...answers], allowed: await timesAllowed(route) }),
    };
  },
});

async function timesAllowed(to: string): Promise<number> {
  if (!(await relayPolicyStub(env).allows('cody', to))) return 0;
  const lines = await journalOf({ binding: 'RELAY_POLICY', name: 'policy' });
  return lines.filter(({ type, data }) => type === 'relay_route_allowed' && data.includes(`"${to}"`)).length;
}

/** Everything is stopped while a session runs, and goes on. */
export function stop(world: World, runner: Runner): Course {
  const order = (path: string) => async () => {
    const init = { method: 'POST', headers: { authorization: 'Bearer operator-token' } };
    return (await SELF.fetch(`https://dogwatch.test/api/${path}`, init)).ok;
  };
  return taskOfRyan({ name: 'a stop', world, goesOn: true }, runner, (senders) => [
    [() => runner.sessions.length === 1, () => senders.tell(order('stop'))],
    [
      // So long that its person hears that it waits.
      () => world.told.some(({ text }) => text.includes('waits for a free session')),
      () => senders.tell(order('resume')),
    ],
    [() => runner.sessions.length === 2, () => runner.sessions[1]?.end(report)],
  ]);
}
