import { env } from 'cloudflare:workers';
import { groupQueueStub } from '../../../durable-objects/stubs.ts';
import { modelReply, modelSays } from '../../../workers/test/model.ts';
import { asWorker } from './awaits.ts';
import { type Course, type Round, skip } from './play.ts';
import { intentOf, type Runner, report } from './runner.ts';
import { endsOf, messagesOf, RYAN, Script } from './talk.ts';
import type { World } from './world.ts';

/** What agents have others do. */

const DAY_MS = 86_400_000;
const OPERATOR = '4711';

/** Team hands a task on to Ryan; what he finds out comes back to it, when its own session is long over. */
export const dispatch = (world: World, runner: Runner): Course => ({
  name: 'a dispatched task',
  world,
  round(n): Round {
    const answers = async () => {
      const messages = await messagesOf('team');
      return messages
        .filter(({ answers: told, text }) => told !== null && text.includes(`round ${n}.`))
        .map(({ state }) => state);
    };
    const model = (asked: string): Response => {
      if (asked.includes('dispatched a task to'))
        return modelSays({ ...report, answer: 'All is well there.' });
      if (asked.includes('tool_result')) return modelSays({ ...report, answer: 'I asked Ryan.' });
      const input = { group: 'ryan', prompt: `Look at the agent, round ${n}.`, budgetUsd: 0.1 };
      return modelReply([{ type: 'tool_use', id: `toolu_${n}`, name: 'dispatch', input }], 'tool_use');
    };
    return {
      begin(senders) {
        runner.forget();
        runner.onSession = (session) => session.end(report);
        world.model = model;
        // Ten a day.
        skip(DAY_MS);
        const message = {
          id: `msg_round_${n}`,
          thread: `chat:${OPERATOR}`,
          from: 'operator',
          text: `How is the agent, round ${n}.`,
          attachment: null,
          priority: 1 as const,
          reply: { chat: OPERATOR, thread: null },
          isOwnTask: false,
        };
        senders.tell(async () => {
          await asWorker(() => groupQueueStub(env, 'team').say({ ...message, at: Date.now() }));
          return true;
        });
      },
      act: (senders) => runner.act(senders),
      isOver: async () => (await answers()).includes('done'),
      outcome: async () => ({
        answers: await answers(),
        team: await endsOf('team', n),
        ryan: await endsOf('ryan', n),
      }),
    };
  },
});

/** An agent asks for a command that it may not give; the operator permits it, and a runner gives it. */
export const hostCommand = (world: World, runner: Runner): Course => ({
  name: 'a command on a host',
  world,
  round(n): Round {
    let script = new Script([]);
    const isDone = () => world.deeds.some((deed) => deed.startsWith('host command'));
    return {
      begin(senders) {
        runner.forget();
        senders.tell(world.says(RYAN, `/task make room, round ${n}.`));
        script = new Script([
          [
            () => runner.sessions.length === 1,
            () => {
              const [session] = runner.sessions;
              if (!session) return;
              const { id, fence } = session.request;
              session.tell(
                intentOf(id, fence, {
                  kind: 'host_command',
                  host: 'staging',
                  target: 'ab'.repeat(32),
                  argv: ['docker', 'rm', `old-${n}`],
                  command: 'docker rm',
                  group: 'ryan',
                  reason: 'The disk is full.',
                }),
              );
              session.end(report);
            },
          ],
          [() => world.buttons.length > 0, () => senders.tell(world.press(world.buttons[0] ?? ''))],
        ]);
      },
      act(senders) {
        script.act();
        runner.act(senders);
      },
      isOver: async () => script.isOver && isDone(),
      outcome: async () => ({ ends: await endsOf('ryan', n) }),
    };
  },
});
