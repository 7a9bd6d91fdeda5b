import type { HostFailure } from '../../../core/contracts/host-command.ts';

export type SshEnd =
  | { kind: 'exited'; exitCode: number }
  | { kind: 'failed'; code: Exclude<HostFailure, 'host_key_changed'> };

/**
 * Reads ssh's own log, which the other side's output never reaches. 255 is ssh's own failure and also a command's
 * possible exit code: what the log says decides. `shared`: over a connection that stands already.
 */
export function readSshEnd(exitCode: number, log: string, shared = false): SshEnd {
  if (exitCode !== 255) return { kind: 'exited', exitCode };
  const failed = (code: Exclude<HostFailure, 'host_key_changed'>): SshEnd => ({ kind: 'failed', code });
  const isIn = shared || /^Authenticated to /m.test(log);
  if (!isIn) {
    if (
      /HOST IDENTIFICATION HAS CHANGED|Host key verification failed|host key is known for|no matching host key type/.test(
        log,
      )
    )
      return failed('host_key_wrong');
    if (/Permission denied|Too many authentication failures|No supported authentication/.test(log))
      return failed('auth_failed');
    if (/timed out/i.test(log)) return failed('connect_timeout');
    return failed('unreachable');
  }
  if (
    /not responding|closed by remote host|Connection reset|Broken pipe|mux_client.*(?:failed|error)/i.test(
      log,
    )
  )
    return failed('connection_lost');
  return { kind: 'exited', exitCode };
}

const REASONS: Partial<Record<HostFailure, string>> = {
  host_key_wrong:
    'it showed a host key that is not one of the pinned ones. Compare the key on its console with hostKeys in RUNNER_HOSTS',
  host_key_changed:
    'its host key is not the pinned one that it showed before. Either it was rebuilt, or somebody stands in between: nothing is executed until a person has looked',
  auth_failed:
    'it did not take our key. Is the public part in authorized_keys, and the private one readable for the runner alone',
  connect_timeout: 'it did not answer in time',
  unreachable: 'no SSH server answers there',
  command_timeout: 'the command did not end in time and was ended',
  connection_lost: 'the connection was lost while the command ran; whether it was carried out is not known',
  ssh_unavailable: 'the runner has no ssh client (apt-get install openssh-client)',
};

/** For the agent and the operator; holds no address and no path. */
export const failureReason = (host: string, code: HostFailure): string =>
  `${host}: ${REASONS[code] ?? code}.`;
