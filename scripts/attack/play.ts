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

/** Each control once; attacks that share one share its result. */
async function playControls(
  attacks: readonly Attack[],
  places: Record<Attack['control']['in'], string>,
): Promise<Map<Attack, ProbeResult>> {
  const controls = new Map<Attack, ProbeResult>();
  for (const [place, container] of Object.entries(places)) {
    const own = attacks.filter(({ control }) => control.in === place);
    const texts = [...new Set(own.map(({ control }) => JSON.stringify(control.probe)))];
    const probes = texts.map((text) => withToken(JSON.parse(text) as Probe, newToken()));
    const found = await all(container, place === 'open' ? 'root' : 'user', probes);
    for (const attack of own) {
      const result = found[texts.indexOf(JSON.stringify(attack.control.probe))];
      if (result) controls.set(attack, result);
    }
  }
  return controls;
}

/**
 * Every attack as everybody it names, every control once. Blocked means: the probe did not get through, and no
 * host outside has seen its token.
 */
export async function playAttacks(stage: Stage, attacks: readonly Attack[]): Promise<Row[]> {
  const [cell, other] = stage.cells;
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
  const controls = await playControls(attacks, {
    open: stage.open,
    cell: cell.container,
    other: other.container,
  });
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
