import { createHash } from 'node:crypto';
import type { Artifact } from '../../../core/contracts/artifact.ts';
import type { HostCommand, HostCommandRecord, RunOnHost } from '../../../core/contracts/host-command.ts';
import { derivedId } from '../../../core/contracts/ids.ts';
import type { RunRequest } from '../../../core/contracts/run.ts';
import { decideHostCommand, type HostDecision } from '../../../core/hosts/decide-host-command.ts';
import { headAndTail } from '../../../core/hosts/host-output.ts';
import { quotePosix } from '../../../core/hosts/posix-quote.ts';
import { clip } from '../../../core/text/plain.ts';
import { canonicalDigest } from '../../../wire/canonical-digest.ts';
import { utf8 } from '../../../wire/encoding.ts';
import type { ToolAnswer } from '../backend/sandbox.ts';
import { fence } from '../runs/read-artifact-tool.ts';
import type { ArtifactStore } from '../worker/artifact-store.ts';
import type { EventSpool } from '../worker/event-spool.ts';
import type { LeaseClock } from '../worker/lease-clock.ts';
import type { HostCommands } from './host-commands.ts';
import type { Host } from './host-settings.ts';

export interface RunOnHostDeps {
  hosts: HostCommands;
  leaseClock: Pick<LeaseClock, 'isFresh'>;
  artifacts: Pick<ArtifactStore, 'put'>;
  spool: Pick<EventSpool, 'append'>;
  redact: (text: string) => string;
  nowMs: () => number;
}

type Asker = Pick<RunRequest, 'id' | 'fence' | 'group' | 'hostRights'>;

/** `docker restart` waits ten seconds before it kills; looking is faster. */
const COMMAND_TIMEOUT_MS = 60_000;
/** What a model is shown; the whole is an artifact. */
export const SHOWN_BYTES = 8 * 1_024;
/** An event is small: 32 words at most. */
const RECORDED_WORD_CHARS = 200;

function decide(run: Asker, asked: RunOnHost, host: Host | null, deps: RunOnHostDeps): HostDecision {
  const refuse = (code: 'invalid_argv' | 'lease_stale', reason: string): HostDecision => ({
    kind: 'refuse',
    class: 'unlisted',
    command: null,
    code,
    reason,
  });
  const quoted = quotePosix(asked.argv);
  if (!quoted.ok) return refuse('invalid_argv', `The words cannot be handed to a shell: ${quoted.code}.`);
  if (!deps.leaseClock.isFresh(run.id))
    return refuse('lease_stale', 'The link to the control plane is down; nothing is executed meanwhile.');
  const reversibleAtMs = host === null ? [] : deps.hosts.reversibleAtMs(asked.host);
  const { group, hostRights: rights } = run;
  return decideHostCommand(asked, { group, rights, host, reversibleAtMs, nowMs: deps.nowMs() });
}

/** Answers `run_on_host`. Whatever is asked becomes one event, whether it was executed or not. */
export async function runOnHost(run: Asker, asked: RunOnHost, deps: RunOnHostDeps): Promise<ToolAnswer> {
  const host = deps.hosts.get(asked.host);
  const decision = decide(run, asked, host, deps);
  const tell = (change: Partial<HostCommandRecord>, artifacts: Artifact[] = []) => {
    const record: HostCommandRecord = {
      host: clip(deps.redact(asked.host), 64),
      argv: asked.argv.map((word) => clip(deps.redact(word), RECORDED_WORD_CHARS)),
      command: decision.command,
      class: decision.class,
      reason: clip(deps.redact(asked.reason), 1_000),
      decision: 'refused',
      code: null,
      exitCode: null,
      durationMs: 0,
      outputBytes: 0,
      log: null,
      ...change,
    };
    deps.spool.append(run.id, run.fence, { type: 'host_command', data: record }, artifacts);
  };

  if (decision.kind === 'refuse' || host === null) {
    const refused = decision.kind === 'refuse' ? decision : { code: 'unknown_host' as const, reason: '' };
    tell({ code: refused.code });
    return { text: `Refused (${refused.code}): ${refused.reason}`, isError: true };
  }
  if (decision.kind === 'ask_permission') {
    const id = await askPermission(run, asked, decision.command, host, deps);
    tell({ decision: 'awaits_permission' });
    const text = `"${decision.command}" cannot be undone: it was not executed. It waits for permission as ${id}, for exactly this host and these words. Do not ask again; go on, and say in your report that it waits.`;
    return { text, isError: false };
  }

  if (decision.class === 'reversible') deps.hosts.countReversible(asked.host);
  const done = await deps.hosts.execute(asked.host, host, asked.argv, COMMAND_TIMEOUT_MS);
  const { text, outputBytes, durationMs } = done;
  const shownCommand = deps.redact(asked.argv.join(' '));
  const log =
    text === ''
      ? null
      : await deps.artifacts.put(
          run.id,
          `host-${asked.host}-${decision.command.replaceAll(' ', '-')}.log`,
          'text/plain; charset=utf-8',
          utf8(`$ ${shownCommand}\n${text}`),
        );
  tell(
    {
      decision: done.ok ? 'executed' : 'failed',
      code: done.ok ? null : done.code,
      exitCode: done.ok ? done.exitCode : null,
      durationMs,
      outputBytes,
      log,
    },
    log === null ? [] : [log],
  );
  const shown =
    text === '' ? 'No output.' : fence(`host:${asked.host}`, run.id, headAndTail(text, SHOWN_BYTES));
  const how = done.ok ? `exit ${done.exitCode}` : `${done.code}: ${done.reason}`;
  return {
    text: `${asked.host}: ${decision.command}, ${how} (${durationMs} ms)\n${shown}`,
    isError: !done.ok,
  };
}

async function askPermission(
  run: Asker,
  asked: RunOnHost,
  command: string,
  host: Host,
  deps: RunOnHostDeps,
): Promise<string> {
  const body: HostCommand = {
    kind: 'host_command',
    host: asked.host,
    target: await deps.hosts.target(host),
    argv: asked.argv,
    command,
    group: run.group,
    reason: clip(deps.redact(asked.reason), 1_000),
  };
  const digest = await canonicalDigest(body);
  const source = createHash('sha256').update(`${run.id} ${run.fence} ${digest}`).digest();
  const id = derivedId('int', source);
  deps.spool.append(run.id, run.fence, {
    type: 'intent',
    data: { id, run: run.id, fence: run.fence, digest, body },
  });
  return id;
}
