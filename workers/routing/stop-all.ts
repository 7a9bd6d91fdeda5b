import { runPoolStub, runStub } from '../../durable-objects/stubs.ts';
import type { Env } from '../env.ts';

/** What became of the sessions that ran when everything was stopped. All of them go on after a resume. */
export interface StopReport {
  /** Ended at once. */
  ended: string[];
  /** Their runners do not answer: they do nothing more outside after 90 s, and lose their leases after 180 s. */
  unreachable: string[];
}

/** One object that hangs must not keep the operator waiting. */
const PATIENCE_MS = 8_000;

/** Nothing new begins from here on, and what runs is ended, all at once. Safe to repeat. */
export async function stopAll(env: Env, by: string, nowMs: number): Promise<StopReport> {
  const held = await runPoolStub(env).stop(by, nowMs);
  const answers = await Promise.all(
    held.map(async ({ run, fence }) => {
      const answer = await Promise.race([runStub(env, run).halt(fence), patience()]).catch(() => null);
      return { run, answer: answer ?? 'unreachable' };
    }),
  );
  const those = (wanted: string): string[] =>
    answers.filter(({ answer }) => answer === wanted).map(({ run }) => run);
  return { ended: those('ended'), unreachable: those('unreachable') };
}

const patience = (): Promise<null> => new Promise((resolve) => setTimeout(() => resolve(null), PATIENCE_MS));

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** For a phone at night. */
export function stopText({ ended, unreachable }: StopReport): string {
  const lines = [
    `Stopped: ${ended.length === 0 ? 'no session ran' : `${count(ended.length, 'session')} ended`}.`,
  ];
  if (unreachable.length > 0)
    lines.push(
      `⚠️ ${count(unreachable.length, 'session')} could not be reached: no effect outside after 90 s, ended with the lease.`,
    );
  lines.push('Nothing new begins; what arrives is kept. /resume goes on where it was.');
  return lines.join('\n');
}
