import { env } from 'cloudflare:workers';
import type { ScheduledTask } from '../../../core/schedules/definition.ts';
import { schedulerStub } from '../../../durable-objects/stubs.ts';
import { tick } from '../../../workers/scheduled.ts';
import { asWorker } from './awaits.ts';
import { type Course, type Round, skip } from './play.ts';
import { type Runner, report } from './runner.ts';
import type { World } from './world.ts';

const MINUTE = 60_000;
/** Each round lies in the middle between two due times. */
const EVERY_MS = 2 * MINUTE;

const make = (id: string, task: ScheduledTask) =>
  schedulerStub(env).put(
    {
      id,
      group: task.kind === 'agent' ? 'ryan' : null,
      cron: '*/2 * * * *',
      timeZone: 'UTC',
      policy: 'latest',
      jitterMs: 0,
      overlap: 'skip',
      task,
    },
    'operator',
  );

/** What else the clock starts would fire in some rounds only. */
export async function pauseOthers(): Promise<void> {
  for (const { id } of await schedulerStub(env).list()) await schedulerStub(env).setPaused(id, true, 'test');
}

async function firingsOf(id: string): Promise<string[]> {
  const { firings = [] } = (await schedulerStub(env).view(id)) ?? {};
  return firings.map(({ status, cause }) => `${cause} ${status}`);
}

async function deliveriesOf(id: string): Promise<number> {
  const query = 'SELECT count(*) AS n FROM deliveries WHERE delivery LIKE ?';
  const row = await env.DB.prepare(query).bind(`${id}:%`).first<{ n: number }>();
  return row?.n ?? 0;
}

/** A due time comes of two schedules: the one asks an agent, the other looks by itself. The tick comes twice. */
export const schedule = (world: World, runner: Runner): Course => ({
  name: 'a schedule',
  world,
  round(n): Round {
    const ids = [`ask-${n}`, `look-${n}`];
    const [ask = '', look = ''] = ids;
    const ticks = async () => {
      await asWorker(() => tick(env, Date.now()));
      return true;
    };
    const ends = async () => (await Promise.all(ids.map(firingsOf))).flat();
    return {
      async begin(senders) {
        runner.forget();
        runner.onSession = (session) => session.end(report);
        await make(ask, { kind: 'agent', prompt: 'How is the agent?', priority: 2 });
        await make(look, { kind: 'check_pipelines' });
        skip(EVERY_MS - (Date.now() % EVERY_MS) + EVERY_MS / 2);
        senders.tell(ticks);
        senders.tell(ticks);
      },
      act: (senders) => runner.act(senders),
      isOver: async () => {
        const all = await ends();
        return all.length > 1 && all.every((end) => !/going|waiting/.test(end));
      },
      async outcome() {
        const outcome = { ends: await ends(), deliveries: await Promise.all(ids.map(deliveriesOf)) };
        for (const id of ids) await schedulerStub(env).remove(id, 'test');
        return outcome;
      },
    };
  },
});
