import type { HostCommandClass } from '../contracts/host-command.ts';
import type { WordKind } from './words.ts';

/** One line of the table: a program, its fixed first words, and everything that may follow. */
export interface CommandLine {
  /** `docker ps`: how agent.toml and the audit log name it. */
  name: string;
  class: Exclude<HostCommandClass, 'unlisted'>;
  /** The program and the words that must follow it. */
  start: readonly string[];
  /** Options that may be given, alone (null) or with a value. */
  options: Readonly<Record<string, WordKind | readonly string[] | null>>;
  /** Options without which it would run for ever, ask, or fill the answer; alternatives stand together. */
  required: readonly (readonly string[])[];
  operands: { kind: WordKind | readonly string[]; min: number; max: number };
  example: string;
}

type Rest = Partial<Pick<CommandLine, 'options' | 'required' | 'operands'>>;

const none = { kind: [], min: 0, max: 0 } as const;

function line(type: CommandLine['class'], name: string, example: string, rest: Rest = {}): CommandLine {
  const start = name.split(' ');
  return { name, class: type, start, example, options: {}, required: [], operands: none, ...rest };
}

const read = (name: string, example: string, rest: Rest = {}) => line('read', name, example, rest);
const reversible = (name: string, example: string, rest: Rest = {}) =>
  line('reversible', name, example, rest);
const irreversible = (name: string, example: string, rest: Rest = {}) =>
  line('irreversible', name, example, rest);

const names = (kind: WordKind, max = 1, min = 1) => ({ kind, min, max });
const UNIT = names('listed_unit');
const SIGNALS = { '-s': ['TERM', 'KILL', 'HUP', 'INT', 'QUIT', 'STOP'] } as const;
const NO_QUESTION = [['-f', '--force']];

const READ: readonly CommandLine[] = [
  read('docker ps', 'docker ps -a', {
    options: { '-a': null, '--all': null, '-s': null, '--size': null, '--no-trunc': null },
  }),
  read('docker stats', 'docker stats --no-stream', {
    options: { '--no-stream': null, '--no-trunc': null, '-a': null, '--all': null },
    required: [['--no-stream']],
    operands: names('container', 20, 0),
  }),
  read('docker logs', 'docker logs --tail 200 NAME', {
    options: {
      '--tail': 'lines',
      '-n': 'lines',
      '--since': 'since',
      '--until': 'since',
      '-t': null,
      '--timestamps': null,
    },
    required: [['--tail', '-n']],
    operands: names('container'),
  }),
  read('docker inspect', 'docker inspect NAME', { operands: names('container', 5) }),
  read('docker top', 'docker top NAME', { operands: names('container') }),
  read('docker images', 'docker images', { options: { '-a': null, '--all': null, '--digests': null } }),
  read('docker system df', 'docker system df', { options: { '-v': null } }),
  read('docker volume ls', 'docker volume ls'),
  read('docker network ls', 'docker network ls'),
  read('docker version', 'docker version'),
  read('df', 'df -h', { options: { '-h': null, '-i': null, '-T': null } }),
  read('free', 'free -m', { options: { '-m': null, '-h': null } }),
  read('uptime', 'uptime'),
  read('ps', 'ps aux', {
    options: { '-e': null, '-f': null, '-ef': null, '--sort': ['-pcpu', '-pmem', 'pid', '-etimes'] },
    operands: { kind: ['aux', 'auxf', 'auxww'], min: 0, max: 1 },
  }),
  read('systemctl status', 'systemctl status NAME --no-pager', {
    options: { '--no-pager': null, '-l': null, '-n': 'lines' },
    required: [['--no-pager']],
    operands: names('unit', 5),
  }),
  read('systemctl is-active', 'systemctl is-active NAME', { operands: names('unit', 5) }),
  read('systemctl list-units', 'systemctl list-units --failed --no-pager', {
    options: {
      '--no-pager': null,
      '--failed': null,
      '--all': null,
      '--type': ['service', 'timer', 'socket'],
    },
    required: [['--no-pager']],
  }),
  read('systemctl list-timers', 'systemctl list-timers --no-pager', {
    options: { '--no-pager': null, '--all': null },
    required: [['--no-pager']],
  }),
  read('journalctl', 'journalctl -u NAME -n 200 --no-pager', {
    options: {
      '-u': 'unit',
      '-n': 'lines',
      '--since': 'since',
      '--no-pager': null,
      '-k': null,
      '-p': ['emerg', 'alert', 'crit', 'err', 'warning'],
    },
    required: [['-n'], ['--no-pager']],
  }),
  read('ls', 'ls -l /var/log', {
    options: { '-l': null, '-la': null, '-lh': null, '-lah': null, '-lt': null, '-ltr': null },
    operands: names('log_path', 5),
  }),
  read('cat', 'cat /var/log/NAME', { operands: names('log_path', 3) }),
  read('tail', 'tail -n 200 /var/log/NAME', {
    options: { '-n': 'lines' },
    required: [['-n']],
    operands: names('log_path'),
  }),
  read('head', 'head -n 50 /var/log/NAME', {
    options: { '-n': 'lines' },
    required: [['-n']],
    operands: names('log_path'),
  }),
  read('du', 'du -sh /var/log', {
    options: { '-sh': null, '-h': null, '--max-depth': ['0', '1', '2'] },
    operands: names('log_path', 5),
  }),
];

const REVERSIBLE: readonly CommandLine[] = [
  reversible('docker restart', 'docker restart NAME', { operands: names('container') }),
  reversible('docker start', 'docker start NAME', { operands: names('container') }),
  reversible('docker stop', 'docker stop NAME', { operands: names('container') }),
  reversible('docker builder prune', 'docker builder prune -f', {
    options: { '-f': null, '--force': null, '-a': null, '--all': null },
    required: NO_QUESTION,
  }),
  // Without -a: only layers that no tag names; a build or a pull brings them back.
  reversible('docker image prune', 'docker image prune -f', {
    options: { '-f': null, '--force': null },
    required: NO_QUESTION,
  }),
  reversible('systemctl restart', 'systemctl restart NAME', { operands: UNIT }),
  reversible('systemctl start', 'systemctl start NAME', { operands: UNIT }),
  reversible('systemctl stop', 'systemctl stop NAME', { operands: UNIT }),
  reversible('kill', 'kill -s TERM PID', { options: SIGNALS, operands: names('pid', 5) }),
];

const IRREVERSIBLE: readonly CommandLine[] = [
  irreversible('docker rm', 'docker rm -f NAME', {
    options: { '-f': null, '--force': null, '-v': null, '--volumes': null },
    operands: names('container', 5),
  }),
  irreversible('docker rmi', 'docker rmi IMAGE', {
    options: { '-f': null, '--force': null },
    operands: names('image', 5),
  }),
  irreversible('docker volume rm', 'docker volume rm NAME', { operands: names('volume', 5) }),
  irreversible('docker container prune', 'docker container prune -f', {
    options: { '-f': null, '--force': null },
    required: NO_QUESTION,
  }),
  irreversible('docker volume prune', 'docker volume prune -f', {
    options: { '-f': null, '--force': null, '-a': null, '--all': null },
    required: NO_QUESTION,
  }),
  irreversible('docker system prune', 'docker system prune -f', {
    options: { '-f': null, '--force': null, '-a': null, '--all': null, '--volumes': null },
    required: NO_QUESTION,
  }),
  // Of a name that nobody listed: a stranger's service that comes back with every boot.
  irreversible('systemctl disable', 'systemctl disable --now NAME', {
    options: { '--now': null },
    operands: names('service'),
  }),
  irreversible('rm', 'rm /etc/cron.d/NAME', { options: { '-f': null }, operands: names('persistence_path') }),
  irreversible('rm -r', 'rm -r BUILD_FOLDER/NAME', {
    options: { '-f': null },
    operands: names('build_path', 5),
  }),
];

/** Everything that may ever be executed on a host. What is not here is `unlisted`. */
export const COMMAND_TABLE: readonly CommandLine[] = [...READ, ...REVERSIBLE, ...IRREVERSIBLE];
