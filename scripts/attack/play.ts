import { randomBytes } from 'node:crypto';
import { type Attack, type Row, type Who, withToken } from './attack.ts';
import { probeIn } from './docker-command.ts';
import type { Probe, ProbeResult } from './probes.ts';
import type { Stage } from './stage.ts';

const newToken = () => `t${randomBytes(6).toString('hex')}`;

interface Shot {
  attack: Attack;
  as: Who;
  token: string;
}

/** Runs each list in one go, and gives the results back in its order. */
async function all(container: string, who: Who, probes: Probe[]): Promise<ProbeResult[]> {
  return probes.length === 0 ? [] : probeIn(container, who, probes);
}

/**
 * Every attack as everybody it names, every control once. Blocked means: the probe did not get through, and no
 * host outside has seen its token.
 */
export async function playAttacks(stage: Stage, attacks: readonly Attack[]): Promise<Row[]> {
  const [cell, other] = stage.cells;
  const places = { open: stage.open, cell: cell.container, other: other.container };
  const shots: Shot[] = attacks.flatMap((attack) =>
    attack.as.map((as) => ({ attack, as, token: newToken() })),
  );
  const results = new Map<Shot, ProbeResult>();
  for (const who of ['user', 'root'] as const) {
    const own = shots.filter(({ as }) => as === who);
    const found = await all(
      cell.container,
      who,
      own.map(({ attack, token }) => withToken(attack.probe, token)),
    );
    own.forEach((shot, index) => {
      const result = found[index];
      if (result) results.set(shot, result);
    });
  }
  const controls = new Map<Attack, ProbeResult>();
  for (const place of ['open', 'cell', 'other'] as const) {
    const own = attacks.filter(({ control }) => control.in === place);
    const probes = own.map(({ control }) => withToken(control.probe, newToken()));
    const found = await all(places[place], place === 'open' ? 'root' : 'user', probes);
    own.forEach((attack, index) => {
      const result = found[index];
      if (result) controls.set(attack, result);
    });
  }
  // What was sent one way has had its time to arrive.
  await new Promise((next) => setTimeout(next, 300));
  const contacts = stage.outside.contacts();
  return shots.map((shot) => {
    const result = results.get(shot);
    const control = controls.get(shot.attack);
    if (!result || !control) throw new Error(`${shot.attack.title}: no result`);
    const arrival = contacts.find(({ text }) => text.includes(shot.token));
    return {
      area: shot.attack.area,
      title: shot.attack.title,
      as: shot.as,
      blocked: !result.reached && !arrival,
      detail: arrival ? `arrived at ${arrival.service} from ${arrival.from}` : result.detail,
      control: { ok: control.reached, detail: control.detail },
    };
  });
}
