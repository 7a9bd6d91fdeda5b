import { runInDurableObject, SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import type { Course, Round } from './play.ts';
import { type Runner, report } from './runner.ts';
import { endsOf, messagesOf, RYAN, Script, taskOfRyan } from './talk.ts';
import type { World } from './world.ts';

/** What comes of a session whose runner is gone, and what is taken away when one is over. */

/** A runner falls silent in the middle of a session, and comes back when its work was taken away. */
export const silence = (world: World, runner: Runner): Course =>
  taskOfRyan({ name: 'a runner that falls silent', world, goesOn: true }, runner, () => [
    [
      () => runner.sessions.length === 1,
      () => {
        runner.isSilent = true;
      },
    ],
    [
      () => runner.sessions[0]?.isOver === true,
      () => {
        runner.isSilent = false;
      },
    ],
    [() => runner.sessions.length === 2, () => runner.sessions[1]?.end(report)],
  ]);

/** A session tells of something strange and runs out of memory: its group is given a rest, and it is done once more. */
export const outOfMemory = (world: World, runner: Runner): Course =>
  taskOfRyan({ name: 'a session that runs out of memory', world, goesOn: true }, runner, () => [
    [
      () => runner.sessions.length === 1,
      () => {
        const [session] = runner.sessions;
        session?.tell({ type: 'alert', data: { rule: 'fork_bomb', text: 'It began 4,000 processes.' } });
        session?.end(null, 'out_of_memory');
      },
    ],
    [() => runner.sessions.length === 2, () => runner.sessions[1]?.end(report)],
  ]);

/** What a person said to a session is deleted when that is over; whoever asks for it asks until it is done. */
export const forget = (world: World, runner: Runner): Course => ({
  name: 'a text that is forgotten',
  world,
  round(n): Round {
    const said = `Frau Zwitscher${n} did it`;
    let script = new Script([]);
    let message = '';
    const remove = async () => {
      const found = (await messagesOf('ryan')).find(({ text }) => text.includes(said));
      message ||= found?.id ?? '';
      if (message === '') return false;
      const init = { method: 'DELETE', headers: { authorization: 'Bearer operator-token' } };
      return (await SELF.fetch(`https://dogwatch.test/api/groups/ryan/messages/${message}`, init)).ok;
    };
    const held = async () => [
      ...(await holders('GROUP_QUEUE', 'ryan', said)),
      ...(await holders('TELEGRAM', 'bot', said)),
      ...(await holders('RUN', runner.sessions[0]?.request.id ?? '', said)),
    ];
    return {
      begin(senders) {
        runner.forget();
        senders.tell(world.says(RYAN, `/task look at the agent, round ${n}.`));
        script = new Script([
          [() => runner.sessions.length === 1, () => senders.tell(world.says(RYAN, said))],
          [() => runner.sessions[0]?.heard.length === 1, () => runner.sessions[0]?.end(report)],
          [() => world.told.some(({ text }) => text.includes('All is well')), () => senders.tell(remove)],
        ]);
      },
      act(senders) {
        script.act();
        runner.act(senders);
      },
      isOver: async () => script.isOver && (await held()).length === 0,
      outcome: async () => ({ ends: await endsOf('ryan', n) }),
    };
  },
});

/** Tables of an object in which these words stand. */
async function holders(
  binding: 'GROUP_QUEUE' | 'TELEGRAM' | 'RUN',
  name: string,
  words: string,
): Promise<string[]> {
  return runInDurableObject(env[binding].getByName(name), (_, { storage: { sql } }) =>
    sql
      .exec<{ name: string }>(
        `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'`,
      )
      .toArray()
      .map(({ name: table }) => table)
      .filter((table) => JSON.stringify(sql.exec(`SELECT * FROM "${table}"`).toArray()).includes(words)),
  );
}
