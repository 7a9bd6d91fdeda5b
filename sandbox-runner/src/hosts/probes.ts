import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Probe, ProbeAnswer } from '../../../core/contracts/host-command.ts';
import { headAndTail } from '../../../core/hosts/host-output.ts';
import type { HostCommands } from './host-commands.ts';
import type { Host } from './host-settings.ts';
import { remoteCommand, runSsh, startSsh } from './ssh.ts';
import { mainConnection, sharedConnection } from './ssh-arguments.ts';
import { failureReason } from './ssh-failure.ts';

interface ProbeCommand {
  name: string;
  argv: string[];
  /** Lines kept, from the first; all when it is missing. */
  lines?: number;
}

/** The fixed health commands: what they are is nobody's to ask. */
const PROBES: readonly ProbeCommand[] = [
  { name: 'containers', argv: ['docker', 'ps', '-a'] },
  { name: 'container_stats', argv: ['docker', 'stats', '--no-stream'] },
  { name: 'disk', argv: ['df', '-h'] },
  { name: 'memory', argv: ['free', '-m'] },
  { name: 'load', argv: ['uptime'] },
  {
    name: 'processes',
    argv: ['ps', '-ww', '-eo', 'pid,ppid,user,pcpu,pmem,etimes,args', '--sort=-pcpu'],
    lines: 41,
  },
];

/** `docker stats` measures for two seconds; what takes ten times that is itself a finding. */
const PROBE_TIMEOUT_MS = 20_000;
const PROBE_BYTES = 64 * 1_024;
const KEPT_BYTES = 1_024 * 1_024;

/** Asks a host how it is: all commands at once, over one connection. */
export async function probeHost(hosts: HostCommands, name: string, nowMs: number): Promise<ProbeAnswer> {
  const host = hosts.get(name);
  if (host === null)
    return {
      outcome: 'failed',
      host: name,
      code: 'unknown_host',
      reason: `This runner knows no host "${name}".`,
    };
  const began = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'dw-ssh-'));
  const socket = join(folder, 's');
  const connection = await openConnection(hosts, name, host, socket);
  try {
    if (connection.failed) {
      const ended = await hosts.conclude(name, host, connection.failed);
      const code = ended.ok ? 'unreachable' : ended.code;
      return { outcome: 'failed', host: name, code, reason: failureReason(name, code) };
    }
    const raw = await Promise.all(PROBES.map((probe) => runProbe(hosts, name, host, socket, probe)));
    const agent = host.agentProcess === null ? [] : [agentProbe(host.agentProcess, raw.at(-1))];
    const probes = [...raw, ...agent].map(({ lines, ...probe }) => ({
      ...probe,
      output: headAndTail(firstLines(probe.output, lines), PROBE_BYTES),
    }));
    return {
      outcome: 'probed',
      host: name,
      at: nowMs,
      durationMs: Math.round(performance.now() - began),
      probes,
    };
  } finally {
    await connection.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const firstLines = (text: string, lines: number | undefined): string =>
  lines === undefined ? text : text.split('\n').slice(0, lines).join('\n');

type RawProbe = Probe & { lines?: number };

async function runProbe(
  hosts: HostCommands,
  name: string,
  host: Host,
  socket: string,
  { name: probe, argv, lines }: ProbeCommand,
): Promise<RawProbe> {
  const command = remoteCommand(argv, hosts.needsSudo(host, argv), PROBE_TIMEOUT_MS);
  if (command === null) throw new Error('a fixed command cannot be quoted');
  const target = { name, host, knownHosts: hosts.knownHosts(name), log: hosts.newLog() };
  const run = await runSsh({ ...target, connection: sharedConnection(socket), shared: true }, command, {
    timeoutMs: PROBE_TIMEOUT_MS,
    maxBytes: KEPT_BYTES,
  });
  const done = await hosts.conclude(name, host, run);
  return {
    name: probe,
    command: argv.join(' '),
    exitCode: done.ok ? done.exitCode : null,
    failure: done.ok ? null : done.code,
    output: done.text,
    durationMs: done.durationMs,
    ...(lines === undefined ? {} : { lines }),
  };
}

/** From the list of processes, not by a search on the host, which would find itself. */
function agentProbe(pattern: string, processes: RawProbe | undefined): RawProbe {
  const found = (processes?.output.split('\n').slice(1) ?? []).filter((line) => line.includes(pattern));
  return {
    name: 'agent',
    command: `processes with "${pattern}"`,
    exitCode: processes?.exitCode === 0 ? (found.length > 0 ? 0 : 1) : null,
    failure: processes?.failure ?? null,
    output: found.join('\n'),
    durationMs: 0,
  };
}

/** One authenticated connection that the others share; `failed`: why there is none. */
async function openConnection(hosts: HostCommands, name: string, host: Host, socket: string) {
  const target = { name, host, knownHosts: hosts.knownHosts(name), log: hosts.newLog() };
  const { ended, stop } = startSsh({ ...target, connection: mainConnection(socket), shared: false }, null, {
    timeoutMs: 2 * PROBE_TIMEOUT_MS,
    maxBytes: KEPT_BYTES,
  });
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  while (!isOver && !existsSync(socket)) await sleep(20);
  return {
    failed: isOver ? await ended : null,
    async close() {
      stop();
      await ended;
    },
  };
}
