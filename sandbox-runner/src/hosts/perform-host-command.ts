import type { Artifact } from '../../../core/contracts/artifact.ts';
import type { HostCommand, HostFailure } from '../../../core/contracts/host-command.ts';
import type { IntentOf, IntentOutcome } from '../../../core/contracts/intents.ts';
import { classifyCommand } from '../../../core/hosts/classify-command.ts';
import { headAndTail } from '../../../core/hosts/host-output.ts';
import { quotePosix } from '../../../core/hosts/posix-quote.ts';
import { utf8 } from '../../../wire/encoding.ts';
import type { IntentStore } from '../fix/intent-store.ts';
import type { Logger } from '../logger.ts';
import type { ArtifactStore } from '../worker/artifact-store.ts';
import type { Executed, HostCommands } from './host-commands.ts';
import { SHOWN_BYTES } from './run-on-host-tool.ts';

export interface PerformHostCommandDeps {
  hosts: HostCommands;
  intents: Pick<IntentStore, 'begin' | 'unbegin'>;
  artifacts: Pick<ArtifactStore, 'put' | 'upload'>;
  logger: Logger;
}

type RefusedCode = Extract<IntentOutcome, { outcome: 'refused' }>['code'];
const refused = (code: RefusedCode, reason: string): IntentOutcome => ({ outcome: 'refused', code, reason });

/** Removing a large volume takes its time. */
const COMMAND_TIMEOUT_MS = 120_000;
/** The command may have been carried out, wholly or in part. */
const BEGUN: readonly HostFailure[] = ['command_timeout', 'connection_lost'];

/**
 * Executes a permitted command, at most once: it is marked on the disk before it begins, and one whose end was
 * not seen is not begun again. Permission does not make a command possible that the table does not know.
 */
export async function performHostCommand(
  intent: IntentOf<HostCommand>,
  deps: PerformHostCommandDeps,
): Promise<IntentOutcome> {
  const { body } = intent;
  const host = deps.hosts.get(body.host);
  if (host === null) return refused('unknown_host', `This runner knows no host "${body.host}".`);
  if ((await deps.hosts.target(host)) !== body.target)
    return refused(
      'host_changed',
      `"${body.host}" means another machine than when permission was asked for.`,
    );
  if (!host.groups.includes(body.group))
    return refused('host_not_allowed', `"${body.host}" is no longer a host of ${body.group}.`);
  if (!quotePosix(body.argv).ok || classifyCommand(body.argv, host).class === 'unlisted')
    return refused('unlisted', 'This command is not in the list; a permission does not change that.');
  if (!deps.intents.begin(intent.id))
    return refused('interrupted', 'It was begun before and its end was not seen. Look at the host.');

  const done = await deps.hosts.execute(body.host, host, body.argv, COMMAND_TIMEOUT_MS);
  if (!done.ok) {
    if (!BEGUN.includes(done.code)) deps.intents.unbegin(intent.id);
    return refused(done.code, done.reason);
  }
  return {
    outcome: 'executed',
    exitCode: done.exitCode,
    durationMs: done.durationMs,
    output: headAndTail(done.text, SHOWN_BYTES),
    log: await keepOutput(intent, done, deps),
  };
}

/** The command is done: an output that cannot be sent away does not undo it. */
async function keepOutput(
  { run, body }: IntentOf<HostCommand>,
  { text }: Executed,
  deps: PerformHostCommandDeps,
): Promise<Artifact | null> {
  if (text === '') return null;
  try {
    const name = `host-${body.host}-${body.command.replaceAll(' ', '-')}.log`;
    const log = await deps.artifacts.put(run, name, 'text/plain; charset=utf-8', utf8(text));
    await deps.artifacts.upload(run, log);
    return log;
  } catch (error) {
    deps.logger.error('the output of a host command was not kept', { run, error });
    return null;
  }
}
