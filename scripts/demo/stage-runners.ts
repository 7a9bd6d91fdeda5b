import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Actors } from './actors.ts';
import type { Stage } from './stage.ts';
import type { Terminal } from './terminal.ts';
import { until } from './until.ts';

interface Status {
  leases: { run: string; group: string; runner: string | null }[];
  waiting: { run: string; group: string; because: string | null }[];
}

/** Calls of a session that shows that its work is well under way. */
const TOOL_CALLS_UNDER_WAY = 3;
/** What the kill switch promises for runners that answer. */
const STOPPED_WITHIN_MS = 10_000;
const STAYS_STOPPED_MS = 3_000;

const run = promisify(execFile);

const containersOf = async (runner: string): Promise<string[]> => {
  const { stdout } = await run('docker', ['ps', '-aq', '--filter', `label=dogwatch.runner=${runner}`]);
  return stdout.split('\n').filter(Boolean);
};

export function stageRunners(
  stage: Stage,
  terminal: Terminal,
  timeoutMs: number,
  over: () => string | null,
): Actors['runners'] {
  async function codyAtWork(): Promise<string | undefined> {
    const { leases } = await stage.api.get<Status>('/api/status');
    const lease = leases.find(({ group, runner }) => group === 'cody' && runner !== null);
    if (!lease?.runner) return undefined;
    const { toolCalls } = await stage.api.get<{ toolCalls: number }>(`/api/runs/${lease.run}`);
    return toolCalls >= TOOL_CALLS_UNDER_WAY ? lease.runner : undefined;
  }

  return {
    async loseTheOneAtWork() {
      const name = await until('Cody at work', codyAtWork, { timeoutMs, over });
      const runner = stage.runners.find((one) => one.name === name);
      if (!runner) throw new Error(`there is no runner ${name}`);
      await runner.kill();
      const left = await containersOf(name);
      terminal.line('setup', `runner ${name} is killed; of its containers ${left.length} still run`);
      if (left.length === 0) throw new Error('the killed runner left no container: it proves nothing');
      return runner;
    },
    async stopAllAtWork() {
      const name = await until('Cody at work', codyAtWork, { timeoutMs, over });
      const before = await containersOf(name);
      if (before.length === 0) throw new Error('Cody works in no container: a stop proves nothing');
      const stoppedAt = performance.now();
      const { killed } = await stage.api.send<{ killed: number }>('POST', '/api/stop');
      await until(
        'the end of every container',
        async () => ((await containersOf(name)).length === 0 ? true : undefined),
        { timeoutMs: STOPPED_WITHIN_MS, over },
      );
      const tookMs = Math.round(performance.now() - stoppedAt);
      terminal.line('Jan', `stops everything: ${killed} session ended, no container left after ${tookMs} ms`);
      const waiting = await until(
        'the stopped run waits anew',
        async () => (await stage.api.get<Status>('/api/status')).waiting[0],
        { timeoutMs, over },
      );
      terminal.line('setup', `${waiting.group} waits: ${waiting.because}`);
      await new Promise((next) => setTimeout(next, STAYS_STOPPED_MS));
      if ((await containersOf(name)).length > 0) throw new Error('a session was begun while all was stopped');
      await stage.api.send('POST', '/api/resume');
      terminal.line('Jan', 'resumes');
    },
    async comesBackAndTidies(runner) {
      terminal.line('setup', `runner ${runner.name} comes back`);
      await runner.start();
      await until(
        'the end of the old container',
        async () => ((await containersOf(runner.name)).length === 0 ? true : undefined),
        { timeoutMs },
      );
      terminal.line('setup', `of the containers of ${runner.name} none is left`);
    },
  };
}
