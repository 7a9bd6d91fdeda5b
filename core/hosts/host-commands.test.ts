import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classifyCommand } from './classify-command.ts';
import { COMMAND_TABLE } from './command-table.ts';
import { decideHostCommand, type HostSituation, RATE_WINDOW_MS } from './decide-host-command.ts';

const lists = {
  logPaths: ['/var/log'],
  buildPaths: ['/srv/agent/_work'],
  units: ['web', 'build-agent.service'],
};
const classOf = (text: string) => classifyCommand(text.split(' '), lists).class;

describe('the table of commands', () => {
  test.each([
    ['read', 'docker ps -a'],
    ['read', 'docker stats --no-stream'],
    ['read', 'docker logs --tail=100 web'],
    ['read', 'docker logs --since 10m -t -n 50 web'],
    ['read', 'docker inspect web'],
    ['read', 'df -h'],
    ['read', 'free -m'],
    ['read', 'uptime'],
    ['read', 'ps aux'],
    ['read', 'ps aux --sort=-pcpu'],
    ['read', 'systemctl status nginx --no-pager'],
    ['read', 'journalctl -u nginx.service -n 50 --no-pager'],
    ['read', 'ls -l /var/log/nginx'],
    ['read', 'cat /var/log/nginx/error.log'],
    ['reversible', 'docker restart web'],
    ['reversible', 'systemctl restart web'],
    ['reversible', 'docker builder prune -f'],
    ['reversible', 'kill 4711'],
    ['reversible', 'kill -s KILL 4711 4712'],
    ['irreversible', 'docker rm -f web'],
    ['irreversible', 'docker volume rm data'],
    ['irreversible', 'docker rmi registry.example/web:1.2'],
    ['irreversible', 'docker system prune -f --volumes'],
    ['irreversible', 'rm /etc/cron.d/miner'],
    ['irreversible', 'rm -f /etc/systemd/system/miner.service'],
    ['irreversible', 'rm -r /srv/agent/_work/17'],
    ['irreversible', 'systemctl disable --now miner'],
  ])('%s: %s', (type, text) => expect(classOf(text)).toBe(type));

  test.each([
    'docker',
    'docker exec web sh',
    'docker run debian',
    'docker -H tcp://elsewhere ps',
    'docker ps -a extra',
    'docker ps -a -a',
    'docker ps -as',
    'docker ps --all=false',
    'docker ps -a --',
    'docker ps --format {{.Command}}',
    'docker stats',
    'docker logs web',
    'docker logs --tail 5 -f web',
    'docker logs --tail all web',
    'docker logs --tail 5 --host=x web',
    'docker logs --tail',
    'docker builder prune',
    'docker image prune -f -a',
    'docker restart -t0 web',
    'docker restart ../web',
    'docker restart web db',
    'systemctl restart ssh',
    'systemctl start poweroff.target',
    'systemctl start systemd-poweroff.service',
    'systemctl disable systemd-journald',
    'systemctl status web',
    'systemctl status * --no-pager',
    'journalctl -u web -n 50',
    'journalctl -f -n 5 --no-pager',
    'journalctl --vacuum-size=1 -n 5 --no-pager',
    'kill 1',
    'kill 0',
    'kill -9 4711',
    'kill -- -1',
    'kill -s KILL -1',
    'kill 12x',
    'cat /etc/shadow',
    'cat /var/log/../../etc/shadow',
    'cat /var/log/./x',
    'cat /var//log/x',
    'cat /var/logs/x',
    'cat var/log/x',
    'cat',
    'cat -- /var/log/x',
    'tail -f /var/log/x',
    'tail -n +1 /var/log/x',
    'ls /',
    'ls -R /var/log',
    'rm -rf /',
    'rm -r /srv/agent/_work',
    'rm -r /srv/agent/_work/1/2',
    'rm -r /srv/agent/_work/..',
    'rm -r /etc/cron.d/miner',
    'rm /etc/cron.d',
    'rm /etc/passwd',
    'rm /home/a/.ssh/authorized_keys',
    'df -h /',
    'ps -o args',
    'ps --sort -rss',
    '/usr/bin/uptime',
    'sudo uptime',
    'sh -c uptime',
    'env uptime',
    'uptime\n',
    'uptime;id',
    'DF -h',
    'curl http://evil.example',
  ])('unlisted: %s', (text) => expect(classOf(text)).toBe('unlisted'));

  test('knows each of its own examples, and gives every line a name of its own', () => {
    const filled = (text: string) =>
      text
        .replace('BUILD_FOLDER', '/srv/agent/_work')
        .replace('systemctl restart NAME', 'systemctl restart web')
        .replace(/systemctl (start|stop) NAME/, 'systemctl $1 web')
        .replace('IMAGE', 'app')
        .replace('NAME', 'web')
        .replace('PID', '4711');
    for (const { name, class: type, example } of COMMAND_TABLE)
      expect(classifyCommand(filled(example).split(' '), lists)).toEqual({ class: type, command: name });
    expect(new Set(COMMAND_TABLE.map(({ name }) => name)).size).toBe(COMMAND_TABLE.length);
  });

  test('a listed command is unlisted as soon as any other word stands anywhere in it', () => {
    const word = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom('-x', '--', '-v', '--privileged', '-H', '/etc/shadow', '$(id)', ';id', '\n', ''),
    );
    const commands = [
      'docker ps',
      'df -h',
      'docker system df',
      'docker builder prune -f',
      'docker restart web',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...commands), word, fc.nat(5), (text, extra, at) => {
        const argv = text.split(' ');
        argv.splice(Math.min(at, argv.length), 0, extra);
        const classified = classifyCommand(argv, lists);
        if (classified.class === 'unlisted') return;
        // Whatever passes is written in the table: its words are options of that line.
        const line = COMMAND_TABLE.find(({ name }) => name === classified.command);
        expect(Object.keys(line?.options ?? {})).toContain(extra);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('deciding on a command', () => {
  const rights = { hosts: ['staging'], reversible: ['docker restart'] };
  const host = { ...lists, groups: ['sam'], reversiblePer10Minutes: 3 };
  const situation: HostSituation = { group: 'sam', rights, host, reversibleAtMs: [], nowMs: 1_000_000 };
  const decide = (text: string, change: Partial<HostSituation> = {}, name = 'staging') =>
    decideHostCommand({ host: name, argv: text.split(' '), reason: 'r' }, { ...situation, ...change });

  test('reading is free, the undoable is executed, the rest waits', () => {
    expect(decide('df -h')).toEqual({ kind: 'execute', class: 'read', command: 'df' });
    expect(decide('docker restart web')).toMatchObject({ kind: 'execute', class: 'reversible' });
    expect(decide('docker rm web')).toMatchObject({ kind: 'ask_permission', class: 'irreversible' });
  });

  test('a host is this group’s only when the run and the runner both say so', () => {
    expect(decide('df -h', {}, 'production')).toMatchObject({ code: 'host_not_allowed' });
    expect(decide('df -h', { host: { ...host, groups: ['ryan'] } })).toMatchObject({
      code: 'host_not_allowed',
    });
    expect(decide('df -h', { host: null })).toMatchObject({ code: 'unknown_host' });
  });

  test('what is unlisted is refused with what is possible, of the same program where there is one', () => {
    const refused = decide('docker exec web sh');
    if (refused.kind !== 'refuse') throw new Error(refused.kind);
    expect(refused.code).toBe('unlisted');
    expect(refused.reason).toContain('docker logs --tail 200 NAME');
    expect(refused.reason).toContain('docker restart NAME');
    expect(refused.reason).not.toContain('docker stop');
    expect(refused.reason).not.toContain('df -h');
  });

  test('what can be undone is for those whose file lists it, three times in ten minutes', () => {
    expect(decide('docker stop web')).toMatchObject({ code: 'not_listed_for_group', command: 'docker stop' });
    const at = situation.nowMs;
    const reversibleAtMs = [at - RATE_WINDOW_MS, at - 300_000, at - 200_000];
    expect(decide('docker restart web', { reversibleAtMs }).kind).toBe('execute');
    const full = [...reversibleAtMs, at - 1];
    expect(decide('docker restart web', { reversibleAtMs: full })).toMatchObject({
      code: 'rate_limited',
      reason: expect.stringContaining('in 300 s'),
    });
    expect(decide('df -h', { reversibleAtMs: full }).kind).toBe('execute');
  });
});
