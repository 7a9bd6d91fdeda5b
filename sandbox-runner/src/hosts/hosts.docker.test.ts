import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { HostCommand } from '../../../core/contracts/host-command.ts';
import type { IntentOf } from '../../../core/contracts/intents.ts';
import { createHostTwin, type HostTwin } from '../../../twins/hosts/index.ts';
import { canonicalDigest } from '../../../wire/canonical-digest.ts';
import { IntentStore } from '../fix/intent-store.ts';
import { createRedactor, silentLogger } from '../logger.ts';
import { tempFolder } from '../testing/repositories.ts';
import { runRequest } from '../testing/requests.ts';
import type { EventPayload } from '../worker/event-spool.ts';
import { HostCommands } from './host-commands.ts';
import { type Hosts, parseHosts } from './host-settings.ts';
import { performHostCommand } from './perform-host-command.ts';
import { probeHost } from './probes.ts';
import { runOnHost } from './run-on-host-tool.ts';

const CANARY = 'kanarienvogel42';
const OURS = 'a-secret-of-the-runner';

let twin: HostTwin;
let folder: ReturnType<typeof tempFolder>;
let events: EventPayload[];
let stored: Map<string, string>;
let nowMs: number;

beforeAll(async () => {
  twin = await createHostTwin({
    containers: [
      { name: 'web', image: 'shop/web:7', env: { DB_PASSWORD: CANARY }, log: 'line 1\nline 2\nline 3\n' },
      { name: 'noise', log: `first ${OURS}\n${'x'.repeat(200)}\n`.repeat(200) },
      { name: 'old', status: 'exited' },
    ],
    units: { 'build-agent': 'failed' },
    volumes: ['data'],
  });
});
afterAll(() => twin?.close());
beforeEach(() => {
  folder = tempFolder();
  events = [];
  stored = new Map();
  nowMs = 1_000_000;
});
afterEach(() => folder.remove());

const entry = (change: Record<string, unknown> = {}) => ({
  address: twin.address,
  port: twin.port,
  user: twin.user,
  hostKeys: twin.hostKeys,
  identityFile: twin.identityFile,
  groups: ['sam'],
  units: ['build-agent'],
  sudo: ['rm', 'kill'],
  ...change,
});
function hostsOf(change: Record<string, unknown> = {}): Hosts {
  const parsed = parseHosts(JSON.stringify({ staging: entry(change) }));
  if (!parsed.ok) throw new Error(parsed.faults.join());
  return parsed.hosts;
}
const commands = (change: Record<string, unknown> = {}) =>
  new HostCommands({
    hosts: hostsOf(change),
    folder: join(folder.path, 'hosts'),
    redact: createRedactor([OURS]),
    logger: silentLogger,
    nowMs: () => nowMs,
  });
const artifacts = {
  put: async (_run: string, name: string, contentType: string, bytes: Uint8Array) => {
    stored.set(name, Buffer.from(bytes).toString('utf8'));
    return { name, sha256: '0'.repeat(64), sizeBytes: bytes.length, contentType };
  },
  upload: async () => {},
};
const request = runRequest('sam', {
  group: 'sam',
  hostRights: { hosts: ['staging'], reversible: ['docker restart', 'systemctl restart', 'kill'] },
});
const ask = (hosts: HostCommands, text: string, host = 'staging') =>
  runOnHost(
    request,
    { host, argv: text.split(' '), reason: 'to see' },
    {
      hosts,
      leaseClock: { isFresh: () => true },
      artifacts,
      spool: {
        append(_run, _fence, payload) {
          events.push(payload);
          return null;
        },
      },
      redact: createRedactor([OURS]),
      nowMs: () => nowMs,
    },
  );
const records = () => events.flatMap((event) => (event.type === 'host_command' ? [event.data] : []));

describe('run_on_host, against a real sshd', () => {
  test('looks, and gives the answer fenced, with its exit code', async () => {
    const hosts = commands();
    const answer = await ask(hosts, 'docker ps -a');
    expect(answer).toMatchObject({ isError: false });
    expect(answer.text).toContain('exit 0');
    expect(answer.text).toContain('<untrusted source="host:staging"');
    expect(answer.text).toMatch(/Exited \(1\).*old/);
    expect((await ask(hosts, 'docker logs --tail 2 web')).text).toContain('\nline 2\nline 3\n');
    const missing = await ask(hosts, 'docker logs --tail 2 nobody');
    expect(missing.text).toContain('exit 1');
    expect(missing.text).toContain('No such container: nobody');
    expect(records().map(({ decision, exitCode }) => [decision, exitCode])).toEqual([
      ['executed', 0],
      ['executed', 0],
      ['executed', 1],
    ]);
  });

  test('sends each word in quotes, and only that', async () => {
    await ask(commands(), 'ls -l /var/log');
    expect((await twin.commands()).at(-1)).toBe("LC_ALL=C.UTF-8 timeout -k 5 60 'ls' '-l' '/var/log'");
  });

  test('changes what its group may change, three times in ten minutes, also across a restart of ours', async () => {
    expect((await ask(commands(), 'systemctl restart build-agent')).text).toContain('exit 0');
    expect((await twin.exec('cat', '/var/lib/host-twin/units/build-agent')).trim()).toBe('active');
    const pid = (await twin.exec('sh', '-c', 'sleep 300 >/dev/null 2>&1 & echo $!')).trim();
    expect((await ask(commands(), `kill -s KILL ${pid}`)).text).toContain('exit 0');
    await expect(twin.exec('kill', '-0', pid)).rejects.toThrow();
    expect((await ask(commands(), 'docker restart old')).text).toContain('exit 0');
    expect((await ask(commands(), 'docker restart web')).text).toContain('rate_limited');
    expect((await ask(commands(), 'docker stop web')).text).toContain('not_listed_for_group');
    nowMs += 10 * 60_000 + 1;
    expect((await ask(commands(), 'docker restart web')).text).toContain('exit 0');
  });

  test('shows no secret, shows head and tail of much, and keeps the whole', async () => {
    const hosts = commands();
    const inspected = await ask(hosts, 'docker inspect web');
    expect(inspected.text).toContain('DB_PASSWORD=[redacted]');
    const long = await ask(hosts, 'docker logs --tail 400 noise');
    expect(Buffer.byteLength(long.text)).toBeLessThan(9_000);
    expect(long.text).toMatch(/… \d+ bytes left out …/);
    expect(stored.get('host-staging-docker-logs.log')?.split('\n').length).toBeGreaterThan(400);
    const all = JSON.stringify([...stored.values(), events, inspected, long]);
    expect(all).not.toContain(CANARY);
    expect(all).not.toContain(OURS);
    expect(all).not.toContain('PRIVATE KEY');
  });

  test('refuses without a connection, and says what is possible', async () => {
    const before = (await twin.commands()).length;
    const hosts = commands();
    for (const [text, code] of [
      ['docker exec web sh', 'unlisted'],
      ['cat /etc/shadow', 'unlisted'],
      ['sh -c id', 'unlisted'],
      ['docker ps -a ;id', 'unlisted'],
    ] as const)
      expect((await ask(hosts, text)).text).toContain(`Refused (${code})`);
    expect((await ask(hosts, 'df -h', 'production')).text).toContain('host_not_allowed');
    expect((await ask(hosts, 'docker ps\0 -a')).text).toContain('invalid_argv');
    expect((await ask(commands({ groups: ['ryan'] }), 'df -h')).text).toContain('host_not_allowed');
    expect((await twin.commands()).length).toBe(before);
    expect(records().map(({ decision }) => decision)).toEqual(Array(7).fill('refused'));
  });
});

describe('what goes wrong has a code of its own', () => {
  const codeOf = async (hosts: HostCommands) => {
    await ask(hosts, 'uptime');
    return records().at(-1)?.code;
  };
  const otherKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJOT0PqgIyJFvOxmmd5LJ6DTLS5Z6JR4Cm1CZLHmZnTN';

  test('a key that was never pinned, and a kind of key it does not have', async () => {
    expect(await codeOf(commands({ hostKeys: [otherKey] }))).toBe('host_key_wrong');
    const rsa = ['ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7'];
    expect(await codeOf(commands({ hostKeys: rsa }))).toBe('host_key_wrong');
  });

  test('a host that nobody answers for, a port that is closed, a key that is not let in', async () => {
    expect(await codeOf(commands({ port: 1 }))).toBe('unreachable');
    expect(await codeOf(commands({ address: 'no-such-host.invalid' }))).toBe('unreachable');
    expect(await codeOf(commands({ user: 'nobody' }))).toBe('auth_failed');
    expect(await codeOf(commands({ identityFile: '/nonexistent/key' }))).toBe('auth_failed');
    expect(commands({ identityFile: '/nonexistent/key' }).problems()[0]).toContain('host staging');
  });

  test('a host that stands still is a time-out', { timeout: 60_000 }, async () => {
    await twin.freeze();
    try {
      expect(await codeOf(commands())).toBe('connect_timeout');
    } finally {
      await twin.thaw();
    }
  });

  test('a command that does not end is ended there too', { timeout: 60_000 }, async () => {
    const hosts = commands();
    const host = hosts.get('staging');
    if (!host) throw new Error();
    const done = await hosts.execute('staging', host, ['sleep', '317'], 1_000);
    expect(done).toMatchObject({ ok: false, code: 'command_timeout' });
    await expect(twin.exec('pgrep', '-f', 'sleep 317')).rejects.toThrow();
    const exits = await hosts.execute(
      'staging',
      host,
      ['sh', '-c', 'echo Permission denied >&2; exit 255'],
      5_000,
    );
    expect(exits).toMatchObject({ ok: true, exitCode: 255 });
  });

  test('a host that showed the pinned key and now shows another has changed', async () => {
    const pinned = [...twin.hostKeys];
    const hosts = commands();
    expect(await codeOf(hosts)).toBe(null);
    await twin.changeHostKey();
    expect(await codeOf(commands({ hostKeys: pinned }))).toBe('host_key_changed');
    expect(await codeOf(commands())).toBe(null);
  });
});

describe('what cannot be undone', () => {
  const intents = () => new IntentStore(join(folder.path, 'intents'), Date.now());
  const perform = (intent: IntentOf<HostCommand>, hosts = commands()) =>
    performHostCommand(intent, { hosts, intents: intents(), artifacts, logger: silentLogger });

  async function intentFor(text: string): Promise<IntentOf<HostCommand>> {
    const answer = await ask(commands(), text);
    expect(answer.text).toContain('waits for permission');
    const event = events.findLast(({ type }) => type === 'intent');
    if (event?.type !== 'intent' || event.data.body.kind !== 'host_command') throw new Error();
    expect(event.data.digest).toBe(await canonicalDigest(event.data.body));
    return { ...event.data, body: event.data.body };
  }

  test('is not executed when asked for, and exactly once when permitted', async () => {
    await twin.setContainer({ name: 'miner' });
    const intent = await intentFor('docker rm -f miner');
    expect(await twin.exec('docker', 'ps')).toContain('miner');
    expect(await perform(intent)).toMatchObject({ outcome: 'executed', exitCode: 0, output: 'miner\n' });
    expect(await twin.exec('docker', 'ps')).not.toContain('miner');
    expect(await perform(intent)).toMatchObject({ outcome: 'refused', code: 'interrupted' });
  });

  test('may be a file that starts something again', async () => {
    await twin.writeFile('/etc/cron.d/miner', '* * * * * root /tmp/x\n');
    const intent = await intentFor('rm /etc/cron.d/miner');
    expect(await perform(intent)).toMatchObject({ outcome: 'executed', exitCode: 0 });
    await expect(twin.exec('ls', '/etc/cron.d/miner')).rejects.toThrow();
  });

  test('is bound to the machine: another one under the same name is refused', async () => {
    const intent = await intentFor('docker volume rm data');
    const moved = commands({ hostKeys: [...twin.hostKeys, ...twin.hostKeys].slice(0, 2) });
    expect(await perform(intent, moved)).toMatchObject({ outcome: 'refused', code: 'host_changed' });
    const elsewhere = commands({ user: 'root' });
    expect(await perform(intent, elsewhere)).toMatchObject({ outcome: 'refused', code: 'host_changed' });
    expect(await twin.exec('docker', 'volume', 'ls')).toContain('data');
  });

  test('that did not reach the host may be permitted again; an unlisted command never', async () => {
    const intent = await intentFor('docker volume rm data');
    await twin.exec('chmod', '000', '/home/ops/.ssh/authorized_keys');
    expect(await perform(intent)).toMatchObject({ outcome: 'refused', code: 'auth_failed' });
    await twin.exec('chmod', '600', '/home/ops/.ssh/authorized_keys');
    expect(await perform(intent)).toMatchObject({ outcome: 'executed', exitCode: 0 });
    const body = { ...intent.body, argv: ['rm', '-rf', '/'] };
    expect(await perform({ ...intent, body })).toMatchObject({ outcome: 'refused', code: 'unlisted' });
  });
});

describe('probes', () => {
  test('ask everything at once over one connection', async () => {
    await twin.say('df', 'Filesystem Size Used Avail Use% Mounted on\n/dev/vda1 40G 37G 3G 93% /\n');
    const before = await twin.logins();
    const answer = await probeHost(commands({ agentProcess: 'host-twin-init' }), 'staging', nowMs);
    expect((await twin.logins()) - before).toBe(1);
    if (answer.outcome !== 'probed') throw new Error(JSON.stringify(answer));
    expect(answer.probes.map(({ name, exitCode }) => [name, exitCode])).toEqual([
      ['containers', 0],
      ['container_stats', 0],
      ['disk', 0],
      ['memory', 0],
      ['load', 0],
      ['processes', 0],
      ['agent', 0],
    ]);
    const output = (name: string) => answer.probes.find((probe) => probe.name === name)?.output;
    expect(output('disk')).toContain('93%');
    expect(output('container_stats')).toContain('web');
    expect(output('processes')).toContain('sshd');
    expect(JSON.stringify(answer)).not.toContain(CANARY);
    const sum = answer.probes.reduce((total, { durationMs }) => total + durationMs, 0);
    expect(answer.durationMs).toBeLessThan(sum + 1_000);
  });

  test('of a host that cannot be reached say why', async () => {
    expect(await probeHost(commands({ port: 1 }), 'staging', nowMs)).toMatchObject({
      outcome: 'failed',
      code: 'unreachable',
    });
    expect(await probeHost(commands(), 'nowhere', nowMs)).toMatchObject({ code: 'unknown_host' });
  });
});
