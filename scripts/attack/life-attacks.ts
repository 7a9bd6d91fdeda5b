import { execFile, spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Row } from './attack.ts';
import { docker, probeIn } from './docker-command.ts';
import { ROOT_PROCESS, resourceAttacks, resourceControl } from './machine-attacks.ts';
import type { Probe } from './probes.ts';
import type { Stage } from './stage.ts';

const run = promisify(execFile);

const shell = (command: string, expect: string, timeoutMs = 10_000): Probe => ({
  kind: 'shell',
  command,
  expect,
  timeoutMs,
});

/** True when a process of the host has this text in its arguments. */
const lives = (text: string) =>
  run('pgrep', ['-f', text]).then(
    () => true,
    () => false,
  );

const exists = (kind: string, name: string) =>
  docker(kind, 'inspect', name).then(
    () => true,
    () => false,
  );

const networkOf = (container: string) =>
  docker('inspect', '--format', '{{.HostConfig.NetworkMode}}', container);

export async function startRootProcess(container: string): Promise<void> {
  await docker('exec', '--detach', '--user', '0:0', container, ...ROOT_PROCESS.split(' '));
}

/** Processes, disk, inodes, memory: each tried to the end, in one cell, the memory last because it may end it. */
export async function takeResources(stage: Stage): Promise<Row[]> {
  const cell = await stage.openCell();
  const rows: Row[] = [];
  for (const { title, as, probe } of resourceAttacks()) {
    const [control] = await probeIn(stage.open, 'root', [resourceControl(probe)]);
    const [result] = await probeIn(cell.container, as, [probe]).catch((error: unknown) => [
      { reached: false, detail: String(error) },
    ]);
    rows.push({
      area: 'machine',
      title,
      as,
      blocked: !result?.reached,
      detail: result?.detail ?? '',
      control: { ok: control?.reached ?? false, detail: control?.detail ?? '' },
    });
  }
  await cell.sandbox.kill('canceled');
  await cell.sandbox.ended;
  return rows;
}

/** Floods the container's log; what the engine keeps of it stays small. */
export async function floodLog(stage: Stage): Promise<Row> {
  const [cell] = stage.cells;
  const [sent] = await probeIn(cell.container, 'user', [
    shell(`head -c 60M /dev/zero | tr '\\0' 'x' | fold -w 1000 > /proc/1/fd/1 && echo sent`, 'sent', 60_000),
  ]);
  const path = await docker('inspect', '--format', '{{.LogPath}}', cell.container);
  const { size } = await stat(path).catch(() => ({ size: 0 }));
  return {
    area: 'machine',
    title: 'filling the disk with its log',
    as: 'user',
    blocked: size < 16 * 1024 * 1024,
    detail: `${size} bytes kept`,
    control: { ok: (sent?.reached ?? false) && size > 0, detail: `60 MB written: ${sent?.reached}` },
  };
}

/** A process that detached itself, and what a run leaves in its folders, after the run has ended. */
export async function outliveRun(stage: Stage): Promise<Row[]> {
  const mark = `86${Math.floor(Math.random() * 9_000) + 1_000}`;
  const word = `left-behind-${mark}`;
  const cell = await stage.openCell();
  const places = ['/workspace', '/home/agent', '/tmp', '/dev/shm'];
  const look = `grep -rl ${word} ${places.join(' ')} 2>/dev/null | grep . && echo found`;
  const [started] = await probeIn(cell.container, 'user', [
    shell(
      `setsid nohup sleep ${mark} >/dev/null 2>&1 & for d in ${places.join(' ')}; do echo ${word} > $d/.profile; done; ${look}`,
      'found',
    ),
  ]);
  const livedBefore = await lives(`^sleep ${mark}`);
  const bridgeRules = async () =>
    (await run('iptables', ['-S', 'DOGWATCH'])).stdout.includes(cell.gateway.host);
  const ruleBefore = await bridgeRules();
  const containerBefore = await exists('container', cell.container);
  const networkOfRun = await networkOf(cell.container);
  await cell.sandbox.kill('canceled');
  await cell.sandbox.ended;
  const next = await stage.openCell();
  const [found] = await probeIn(next.container, 'user', [shell(look, 'found')]);
  await next.sandbox.kill('canceled');
  await next.sandbox.ended;
  const row = (title: string, blocked: boolean, detail: string, ok: boolean, before: string): Row => ({
    ...{ area: 'machine', title, as: 'user', blocked, detail },
    control: { ok, detail: before },
  });
  const still = await lives(`^sleep ${mark}`);
  const container = await exists('container', cell.container);
  const network = await exists('network', networkOfRun);
  const rule = await bridgeRules();
  return [
    row(
      'a process that outlives its run',
      !still,
      still ? 'it lives' : 'gone',
      livedBefore,
      'seen from the host before',
    ),
    row(
      'a container or network that outlives its run',
      !container && !network,
      `${container} ${network}`,
      containerBefore,
      'there before',
    ),
    row(
      'a way to the gateway that outlives its run',
      !rule,
      rule ? 'the permit stands' : 'gone',
      ruleBefore,
      'there before',
    ),
    row(
      'files that reach the next run',
      !found?.reached,
      found?.detail ?? '',
      started?.reached ?? false,
      started?.detail ?? '',
    ),
  ];
}

/** The runner is killed hard in mid-run; its next process finds the container and removes it. */
export async function killRunner(stage: Stage): Promise<Row> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'orphan-runner.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify(stage.orphan));
  const container = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`the runner to be killed ended with ${code}`)));
  });
  child.kill('SIGKILL');
  await new Promise((next) => child.once('exit', next));
  const livedOn = await exists('container', container);
  const network = await networkOf(container);
  const reaped = await stage.reapOrphans();
  const gone = !(await exists('container', container)) && !(await exists('network', network));
  return {
    area: 'machine',
    title: 'a container whose runner was killed',
    as: 'user',
    blocked: gone && reaped.includes(container) && reaped.includes(network),
    detail: gone ? 'removed at the next start' : 'still there',
    control: { ok: livedOn, detail: livedOn ? 'it outlived its runner' : 'it was gone before' },
  };
}
