import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempFolder } from '../testing/repositories.ts';
import { parseHosts } from './host-settings.ts';
import { remoteCommand } from './ssh.ts';
import { OWN_CONNECTION, sshArguments } from './ssh-arguments.ts';
import { readSshEnd } from './ssh-failure.ts';

const hasSsh = spawnSync('ssh', ['-V']).status === 0;
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJOT0PqgIyJFvOxmmd5LJ6DTLS5Z6JR4Cm1CZLHmZnTN';
const ENTRY = {
  address: '192.0.2.7',
  user: 'ops',
  hostKeys: [`${KEY} root@staging`],
  identityFile: '/run/keys/staging',
  groups: ['sam'],
};
const parse = (change: Record<string, unknown> = {}) =>
  parseHosts(JSON.stringify({ staging: { ...ENTRY, ...change } }));
function parsed() {
  const hosts = parse();
  if (!hosts.ok || !hosts.hosts.staging) throw new Error('not parsed');
  return hosts.hosts.staging;
}

describe('RUNNER_HOSTS', () => {
  test('is JSON or the path of a file, and nothing when it is not set', () => {
    expect(parseHosts(undefined)).toEqual({ ok: true, hosts: {} });
    const folder = tempFolder();
    const path = join(folder.path, 'hosts.json');
    writeFileSync(path, JSON.stringify({ staging: ENTRY }));
    expect(parseHosts(path)).toEqual(parse());
    folder.remove();
    expect(parsed()).toMatchObject({ port: 22, hostKeys: [KEY], reversiblePer10Minutes: 3, units: [] });
  });

  test.each([
    ['an address that is an option', { address: '-oProxyCommand=id' }],
    ['a user that is an option', { user: '-l' }],
    ['a user with a host', { user: 'ops@elsewhere' }],
    ['a private key in place of a public one', { hostKeys: ['-----BEGIN OPENSSH PRIVATE KEY-----'] }],
    ['two keys in one line', { hostKeys: [`${KEY}\n${KEY}`] }],
    ['no key', { hostKeys: [] }],
    ['an identity that ssh would expand', { identityFile: '/keys/%h' }],
    ['a relative identity', { identityFile: 'key' }],
    ['everything as a place of logs', { logPaths: ['/'] }],
    ['a place of logs that climbs', { logPaths: ['/var/log/'] }],
    ['sudo for a shell', { sudo: ['sh'] }],
    ['a field that nobody knows', { proxy: 'x' }],
  ])('refuses %s', (_, change) => {
    const refused = parse(change);
    expect(refused.ok).toBe(false);
    if (!refused.ok) expect(refused.faults.join()).toContain('RUNNER_HOSTS staging');
  });

  test('says what is wrong without the value', () => {
    expect(parseHosts('{ "a": secret }')).toEqual({ ok: false, faults: ['RUNNER_HOSTS: is not JSON'] });
    const missing = parseHosts('/nonexistent/hosts.json');
    expect(missing).toEqual({ ok: false, faults: ['RUNNER_HOSTS: the file cannot be read (ENOENT)'] });
  });
});

describe('what ssh is told', () => {
  const args = sshArguments(
    'staging',
    parsed(),
    { knownHosts: '/st ate/100%/k', log: '/log' },
    OWN_CONNECTION,
  );

  test.skipIf(!hasSsh)('is understood by ssh as it is meant', () => {
    const seen = execFileSync('ssh', ['-G', ...args], { encoding: 'utf8', stdio: 'pipe' });
    const value = (name: string) => new RegExp(`^${name} (.*)$`, 'mi').exec(seen)?.[1];
    expect(value('hostname')).toBe('192.0.2.7');
    expect(value('user')).toBe('ops');
    expect(value('stricthostkeychecking')).toBe('true');
    expect(value('batchmode')).toBe('yes');
    expect(value('userknownhostsfile')).toBe('/st ate/100%/k');
    expect(value('globalknownhostsfile')).toBe('/dev/null');
    expect(value('identityfile')).toBe('/run/keys/staging');
    expect(value('identityagent')).toBe('none');
    expect(value('forwardagent')).toBe('no');
    expect(value('hostkeyalgorithms')).toBe('ssh-ed25519');
    expect(value('passwordauthentication')).toBe('no');
    expect(value('clearallforwardings')).toBe('yes');
    expect(value('permitlocalcommand')).toBe('no');
    expect(value('proxycommand')).toBeUndefined();
  });

  test('ends with the host, after which only the command can come', () => {
    expect(args.slice(0, 2)).toEqual(['-F', '/dev/null']);
    expect(args.slice(-2)).toEqual(['--', '192.0.2.7']);
  });

  test('the command is bounded in time there, and root only where the settings say so', () => {
    expect(remoteCommand(['df', '-h'], false, 60_000)).toBe("LC_ALL=C.UTF-8 timeout -k 5 60 'df' '-h'");
    expect(remoteCommand(['rm', '/x y'], true, 1)).toBe(
      "LC_ALL=C.UTF-8 timeout -k 5 1 'sudo' '-n' '--' 'rm' '/x y'",
    );
    expect(remoteCommand(['a\0'], false, 1)).toBeNull();
  });
});

describe('how ssh ended', () => {
  const AUTHENTICATED = 'Authenticated to 192.0.2.7 ([192.0.2.7]:22) using "publickey".\n';

  test.each([
    ['host_key_wrong', '@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.'],
    ['host_key_wrong', 'Unable to negotiate with 192.0.2.7 port 22: no matching host key type found.'],
    ['auth_failed', 'ops@192.0.2.7: Permission denied (publickey).'],
    ['connect_timeout', 'ssh: connect to host 192.0.2.7 port 22: Connection timed out'],
    ['connect_timeout', 'Connection timed out during banner exchange'],
    ['unreachable', 'ssh: connect to host 192.0.2.7 port 22: Connection refused'],
    ['unreachable', ''],
    ['connection_lost', `${AUTHENTICATED}Timeout, server 192.0.2.7 not responding.`],
    ['connection_lost', `${AUTHENTICATED}Connection to 192.0.2.7 closed by remote host.`],
  ])('%s: %s', (code, log) => expect(readSshEnd(255, log)).toEqual({ kind: 'failed', code }));

  test('a command may itself end with 255, and with any other number', () => {
    expect(readSshEnd(255, `${AUTHENTICATED}Transferred: sent 1`)).toEqual({ kind: 'exited', exitCode: 255 });
    expect(readSshEnd(255, '', true)).toEqual({ kind: 'exited', exitCode: 255 });
    expect(readSshEnd(3, 'Permission denied')).toEqual({ kind: 'exited', exitCode: 3 });
  });
});
