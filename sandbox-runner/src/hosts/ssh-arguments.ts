import type { Host } from './host-settings.ts';

export const CONNECT_TIMEOUT_S = 10;
/** After this the other side's `timeout` kills what does not end by itself. */
export const KILL_AFTER_S = 5;

export interface SshFiles {
  knownHosts: string;
  /** Where ssh writes what it has to say itself: the command's own stderr stays apart from it. */
  log: string;
}

/** ssh takes a value in double quotes and expands `%`. */
const value = (path: string) => `"${path.replaceAll('%', '%%')}"`;

const ALGORITHMS: Readonly<Record<string, string>> = { 'ssh-rsa': 'rsa-sha2-512,rsa-sha2-256' };

const algorithmsOf = (hostKeys: readonly string[]): string =>
  [...new Set(hostKeys.map((key) => key.split(' ')[0] ?? ''))]
    .map((type) => ALGORITHMS[type] ?? type)
    .join(',');

/**
 * Everything ssh is told, and nothing that an agent said: no configuration file, no agent, no forwarding, no
 * question, no key but the pinned ones. The host is known by its name, so that its address may change.
 */
export function sshArguments(name: string, host: Host, files: SshFiles, connection: string[]): string[] {
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    `UserKnownHostsFile=${value(files.knownHosts)}`,
    'GlobalKnownHostsFile=/dev/null',
    `HostKeyAlias=${name}`,
    `HostKeyAlgorithms=${algorithmsOf(host.hostKeys)}`,
    'UpdateHostKeys=no',
    'CheckHostIP=no',
    'VerifyHostKeyDNS=no',
    `IdentityFile=${value(host.identityFile)}`,
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'PreferredAuthentications=publickey',
    'PasswordAuthentication=no',
    'KbdInteractiveAuthentication=no',
    'ForwardAgent=no',
    'ForwardX11=no',
    'ClearAllForwardings=yes',
    'PermitLocalCommand=no',
    'Tunnel=no',
    'RequestTTY=no',
    `ConnectTimeout=${CONNECT_TIMEOUT_S}`,
    'ConnectionAttempts=1',
    'ServerAliveInterval=5',
    'ServerAliveCountMax=3',
    'LogLevel=VERBOSE',
    ...connection,
  ];
  return [
    '-F',
    '/dev/null',
    '-E',
    files.log,
    ...options.flatMap((option) => ['-o', option]),
    '-p',
    String(host.port),
    '-l',
    host.user,
    '--',
    host.address,
  ];
}

/** No connection is shared: an agent's command has one of its own. */
export const OWN_CONNECTION = ['ControlMaster=no', 'ControlPath=none'];
export const sharedConnection = (socket: string) => ['ControlMaster=no', `ControlPath=${value(socket)}`];
export const mainConnection = (socket: string) => [
  'ControlMaster=yes',
  `ControlPath=${value(socket)}`,
  'ControlPersist=no',
];
