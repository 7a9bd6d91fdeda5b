import { z } from 'zod';
import { DEFAULT_PRIORITY } from '../contracts/priority.ts';
import { precheckSchema } from './precheck.ts';

/** Due times within this time are served whatever the policy: an alarm was lost and the minute tick found it. */
export const ON_TIME_MS = 5 * 60_000;
/** Missed due times that `all` makes good at once; older ones are skipped, and the schedule says so. */
export const MAX_CATCH_UP = 24;
/** Firings of one schedule that wait behind one that is still going; what comes on top is skipped. */
export const MAX_WAITING = 10;
/** Characters of text that may come with a firing. */
export const MAX_TEXT_CHARS = 4_000;

export const scheduleIdSchema = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/);

const prioritySchema = z
  .union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)])
  .default(DEFAULT_PRIORITY);

/** What the clock starts. All but `agent` is done by the Worker; no container starts for it. */
export const scheduledTaskSchema = z.discriminatedUnion('kind', [
  /** Looks at the newest builds; failed ones go to their loop. */
  z.strictObject({ kind: z.literal('check_pipelines') }),
  /** Asks for builds whose hooks never came, and whether the hooks still work. */
  z.strictObject({ kind: z.literal('reconcile') }),
  /** Asks the schedule’s group: an incident of the task loop. */
  z.strictObject({
    kind: z.literal('agent'),
    prompt: z.string().min(1).max(4_000),
    /** P0 is the most urgent. */
    priority: prioritySchema,
    /** At a due time it is asked only then; absent: always. Whoever says run or fire has looked himself. */
    onlyIf: precheckSchema.optional(),
  }),
]);
export type ScheduledTask = z.infer<typeof scheduledTaskSchema>;

const timingShape = {
  /**
   * Five fields, or a nickname such as `@daily`, by the clocks of `timeZone`. Daylight saving: a fixed time
   * (no `*` and no step in minute and hour) that a day lacks is due at the first moment after the gap, one that
   * comes twice is due the first time only. Other patterns follow the clock: what falls into a gap is not due,
   * and a repeated hour is served twice.
   */
  cron: z.string().min(1).max(100),
  /** IANA name, as in `Europe/Berlin`. */
  timeZone: z.string().min(1).max(64).default('UTC'),
  /**
   * What becomes of due times that were not served within five minutes. `skip`: nothing. `latest`: one run
   * makes good for all of them. `all`: each is made good, the newest 24 at most.
   */
  policy: z.enum(['skip', 'latest', 'all']).default('latest'),
  /**
   * Each due time is put off by up to so long, always by the same amount, and by no more than half the time to
   * the next one.
   */
  jitterMs: z.number().int().min(0).max(3_600_000).default(0),
  /** When the run before is still going: `skip` drops this one, with a note; `queue` lets up to ten wait. */
  overlap: z.enum(['skip', 'queue']).default('skip'),
};

/** A schedule as it is kept. Whether cron and time zone mean anything is the calendar’s to say. */
export const scheduleDefinitionSchema = z
  .strictObject({
    id: scheduleIdSchema,
    /** The agent’s group that it is of; null: nobody’s. */
    group: z.string().max(64).nullable().default(null),
    ...timingShape,
    task: scheduledTaskSchema,
  })
  .refine(({ group, task }) => task.kind !== 'agent' || group !== null, {
    message: 'name the group that is asked',
    path: ['group'],
  });
export type ScheduleDefinition = z.infer<typeof scheduleDefinitionSchema>;

/** `[[schedules]]` of an `agent.toml`: the agent is asked `task`, or the Worker does what `kind` says. */
export const crewScheduleSchema = z
  .strictObject({
    /** Unique in this file; the schedule is known as `<group>-<id>`. */
    id: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
    ...timingShape,
    kind: z.enum(['agent', 'check_pipelines', 'reconcile']).default('agent'),
    /** What the agent is asked. */
    task: z.string().min(1).max(4_000).optional(),
    priority: prioritySchema,
    /** The agent is asked only then. */
    onlyIf: precheckSchema.optional(),
  })
  .refine(({ kind, task }) => (kind === 'agent') === (task !== undefined), {
    message: 'task is what an agent is asked: give it for kind "agent", and leave it out for the others',
  })
  .refine(({ kind, onlyIf }) => kind === 'agent' || onlyIf === undefined, {
    message: 'onlyIf goes with kind "agent": the others find out for themselves',
  });

/** A schedule of an agent’s file under the name by which everybody knows it. */
export function crewDefinition(
  group: string,
  schedule: z.infer<typeof crewScheduleSchema>,
): ScheduleDefinition {
  const { id, kind, task, priority, onlyIf, ...timing } = schedule;
  return {
    id: `${group}-${id}`,
    group,
    ...timing,
    task:
      kind === 'agent'
        ? { kind, prompt: task ?? '', priority, ...(onlyIf === undefined ? {} : { onlyIf }) }
        : { kind },
  };
}

/** Schedules that are there without anybody naming them. They can be paused, not removed. */
export const BUILT_IN_SCHEDULES: readonly ScheduleDefinition[] = [
  {
    id: 'reconcile',
    group: null,
    cron: '*/15 * * * *',
    timeZone: 'UTC',
    // One look sees everything since the last one.
    policy: 'latest',
    jitterMs: 30_000,
    overlap: 'skip',
    task: { kind: 'reconcile' },
  },
];
