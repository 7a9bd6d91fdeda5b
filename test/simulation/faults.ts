import { Random } from './random.ts';

/** What goes wrong in a world, and how often. Each can be taken away by itself. */
export interface Faults {
  /** Writes between two crashes of an object, on average; 0: none. */
  writesPerCrash: number;
  /** Chance that an object dies while it waits for an answer. */
  crashAtAwait: number;
  /** Chance that an alarm never fires. */
  lostAlarm: number;
  /** Chance that a call between objects is not made, or its answer lost. */
  lostCall: number;
  /** Chance that a cron tick does not come, or comes twice. */
  badTick: number;
  /** Share of the time that D1 is away; and the chance of a lost answer. */
  d1Away: number;
  azure: number;
  telegram: number;
  model: number;
  runnerNetwork: number;
  /** Chance per session that its runner dies, or hangs and comes back. */
  runnerTrouble: number;
  /** Chance that a session itself ends badly. */
  agentTrouble: number;
  /** Chance per hook of being lost; doubled; late. */
  hooks: number;
  /** Chance that the operator does something odd. */
  operator: number;
  /** Chance that people push, abandon or merge meanwhile. */
  people: number;
  /** Clocks of objects differ by at most this much either way. */
  skewMs: number;
  /** Chance per ten minutes that the operator stops everything for a while. */
  stop: number;
}

export type FaultName = keyof Faults;

export const NO_FAULTS: Faults = {
  writesPerCrash: 0,
  crashAtAwait: 0,
  lostAlarm: 0,
  lostCall: 0,
  badTick: 0,
  d1Away: 0,
  azure: 0,
  telegram: 0,
  model: 0,
  runnerNetwork: 0,
  runnerTrouble: 0,
  agentTrouble: 0,
  hooks: 0,
  operator: 0,
  people: 0,
  skewMs: 0,
  stop: 0,
};

/** Each world has some of the faults, in its own measure: where all happen at once, little is reached. */
export function faultsOf(seed: number): Faults {
  const random = new Random(seed, 'faults');
  const some = (...measures: [number, ...number[]]): number => {
    const measure = random.pick(measures);
    return random.chance(0.55) ? measure : 0;
  };
  return {
    writesPerCrash: some(60, 200, 600),
    crashAtAwait: some(0.003, 0.01, 0.04),
    lostAlarm: some(0.02, 0.1, 0.3),
    lostCall: some(0.005, 0.02, 0.08),
    badTick: some(0.05, 0.3),
    d1Away: some(0.05, 0.3),
    azure: some(0.02, 0.1, 0.3),
    telegram: some(0.05, 0.2, 0.5),
    model: some(0.1, 0.4),
    runnerNetwork: some(0.02, 0.1, 0.3),
    runnerTrouble: some(0.3, 0.8),
    agentTrouble: some(0.1, 0.4),
    hooks: some(0.05, 0.2, 0.4),
    operator: some(0.2, 0.6),
    people: some(0.1, 0.4),
    skewMs: some(1_000, 10_000),
    stop: some(0.02, 0.1),
  };
}
