import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { BRIDGE_PREFIX } from './docker-networks.ts';

const run = promisify(execFile);
const CHAIN = 'DOGWATCH';

/**
 * An internal network keeps a container from the world, but not from what the host itself listens on there. A
 * chain of our own drops everything that arrives on a run's bridge, save TCP to that run's gateway. The drop
 * stands for all such bridges and outlives this process: what is forgotten stays closed.
 */
export interface Firewall {
  /** Cause and way out for each part that could not be closed; empty when all is. */
  problems(): string[];
  allow(bridge: string, address: string, port: number): Promise<void>;
  forget(bridge: string): Promise<void>;
  /** Drops permits of bridges that no longer exist. */
  reap(livingBridges: readonly string[]): Promise<void>;
}

/** The arguments of one permit, without the verb. */
export const permit = (bridge: string, address: string, port: number): string[] => [
  CHAIN,
  ...['-i', bridge, '-d', `${address}/32`, '-p', 'tcp', '-m', 'tcp', '--dport', String(port)],
  ...['-j', 'ACCEPT'],
];

/** Permits in a listing of `iptables -S`, by bridge. Pure. */
export function listedPermits(listing: string): { bridge: string; rule: string[] }[] {
  return listing.split('\n').flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const bridge = words[words.indexOf('-i') + 1];
    const isPermit = words[0] === '-A' && words[1] === CHAIN && words.at(-1) === 'ACCEPT';
    return isPermit && bridge?.startsWith(BRIDGE_PREFIX) ? [{ bridge, rule: words.slice(1) }] : [];
  });
}

async function tables(command: 'iptables' | 'ip6tables', ...args: string[]): Promise<string> {
  const { stdout } = await run(command, ['-w', '10', ...args]);
  return stdout;
}

async function close(command: 'iptables' | 'ip6tables'): Promise<void> {
  await tables(command, '-N', CHAIN).catch((error: unknown) => {
    if (!/exists/i.test(String(error))) throw error;
  });
  const ensure = async (...rule: string[]) => {
    await tables(command, '-C', ...rule).catch(() => tables(command, '-A', ...rule));
  };
  await ensure(CHAIN, '-i', `${BRIDGE_PREFIX}+`, '-j', 'DROP');
  // The engine forwards nothing from an internal network either; this holds when its rules are flushed or switched off.
  const forward = ['-i', `${BRIDGE_PREFIX}+`, '-j', 'REJECT'];
  await tables(command, '-C', 'FORWARD', ...forward).catch(() =>
    tables(command, '-I', 'FORWARD', '1', ...forward),
  );
  // First in INPUT, whatever stands there; a jump that is there already may have been overtaken.
  const input = await tables(command, '-S', 'INPUT');
  if (input.split('\n').find((line) => line.startsWith('-A ')) === `-A INPUT -j ${CHAIN}`) return;
  await tables(command, '-D', 'INPUT', '-j', CHAIN).catch(() => undefined);
  await tables(command, '-I', 'INPUT', '1', '-j', CHAIN);
}

export async function openFirewall(): Promise<Firewall> {
  const problems: string[] = [];
  const closed = async (command: 'iptables' | 'ip6tables') => {
    try {
      await close(command);
      return true;
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      const cause = missing ? `${command} is not installed` : `${command} refuses (${firstLine(error)})`;
      problems.push(
        `${cause}: containers can reach other ports of this host. ${missing ? 'Install iptables' : 'Run the runner as root or with CAP_NET_ADMIN'}.`,
      );
      return false;
    }
  };
  const active = await closed('iptables');
  // Runs have no IPv6 address; the second table is for the day an engine gives them one.
  if (active) await close('ip6tables').catch(() => undefined);

  const forgetWhere = async (unwanted: (bridge: string) => boolean) => {
    if (!active) return;
    for (const { bridge, rule } of listedPermits(await tables('iptables', '-S', CHAIN))) {
      if (unwanted(bridge)) await tables('iptables', '-D', ...rule).catch(() => undefined);
    }
  };

  return {
    problems: () => [...problems],
    async allow(bridge, address, port) {
      if (!active) return;
      const [chain = CHAIN, ...rule] = permit(bridge, address, port);
      await tables('iptables', '-I', chain, '1', ...rule);
    },
    forget: (bridge) => forgetWhere((each) => each === bridge),
    reap: (living) => forgetWhere((each) => !living.includes(each)),
  };
}

function firstLine(error: unknown): string {
  const text = (error as { stderr?: string }).stderr || String(error);
  return text.trim().split('\n')[0] ?? '';
}
