import { randomUUID } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { HostFailure } from '../../../core/contracts/host-command.ts';
import { RATE_WINDOW_MS } from '../../../core/hosts/decide-host-command.ts';
import { redactHostOutput, withoutControls } from '../../../core/hosts/host-output.ts';
import { canonicalDigest } from '../../../wire/canonical-digest.ts';
import { writeDurably } from '../durable-file.ts';
import type { Logger } from '../logger.ts';
import type { Host, Hosts } from './host-settings.ts';
import { remoteCommand, runSsh, type SshRun } from './ssh.ts';
import { OWN_CONNECTION } from './ssh-arguments.ts';
import { failureReason } from './ssh-failure.ts';

export interface HostCommandsOptions {
  hosts: Hosts;
  /** On our disk: pinned keys, when restarts happened, which hosts showed a pinned key. */
  folder: string;
  redact: (text: string) => string;
  logger: Logger;
  nowMs: () => number;
}

export type Executed =
  | { ok: true; exitCode: number; text: string; outputBytes: number; durationMs: number }
  | { ok: false; code: HostFailure; reason: string; text: string; outputBytes: number; durationMs: number };

/** The whole of an output that is kept; a model sees far less. */
const MAX_OUTPUT_BYTES = 5 * 1_024 * 1_024;

const stateSchema = z.object({
  /** When reversible commands were executed. */
  reversibleAt: z.array(z.number()),
  /** The target, with its pins, that once showed one of them. */
  verified: z.string().nullable(),
});
type HostState = z.infer<typeof stateSchema>;

/** The named hosts: who they are, how often they were changed, and the way to execute something there. */
export class HostCommands {
  readonly #options: HostCommandsOptions;

  constructor(options: HostCommandsOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(options.folder))
      if (file.endsWith('.log')) rmSync(join(options.folder, file));
    for (const [name, { hostKeys }] of Object.entries(options.hosts))
      writeDurably(this.knownHosts(name), hostKeys.map((key) => `${name} ${key}\n`).join(''));
  }

  get(name: string): Host | null {
    return Object.hasOwn(this.#options.hosts, name) ? (this.#options.hosts[name] ?? null) : null;
  }

  /** What is wrong with the settings on this machine, each with its way out. */
  problems(): string[] {
    return Object.entries(this.#options.hosts).flatMap(([name, { identityFile }]) => {
      try {
        accessSync(identityFile, constants.R_OK);
        return [];
      } catch {
        return [`host ${name}: its identityFile cannot be read; put the private key there for this user`];
      }
    });
  }

  /** SHA-256 of who a name means: address, port, user and pinned keys. */
  target({ address, port, user, hostKeys }: Host): Promise<string> {
    return canonicalDigest({ address, port, user, hostKeys: [...hostKeys].sort() });
  }

  knownHosts(name: string): string {
    return join(this.#options.folder, `${name}.known_hosts`);
  }

  newLog(): string {
    return join(this.#options.folder, `${randomUUID()}.log`);
  }

  /** When reversible commands were executed on it within the window. */
  reversibleAtMs(name: string): number[] {
    const since = this.#options.nowMs() - RATE_WINDOW_MS;
    return this.#state(name).reversibleAt.filter((at) => at > since);
  }

  /** On the disk before the command begins: a restart of ours does not give three more. */
  countReversible(name: string): void {
    const reversibleAt = [...this.reversibleAtMs(name), this.#options.nowMs()];
    this.#save(name, { ...this.#state(name), reversibleAt });
  }

  /** Executes words that were decided on. `argv` has passed `quotePosix`. */
  async execute(name: string, host: Host, argv: readonly string[], timeoutMs: number): Promise<Executed> {
    const command = remoteCommand(argv, this.needsSudo(host, argv), timeoutMs);
    if (command === null) throw new Error('words that cannot be quoted were not refused');
    const target = { name, host, knownHosts: this.knownHosts(name), log: this.newLog() };
    const run = await runSsh({ ...target, connection: OWN_CONNECTION, shared: false }, command, {
      timeoutMs,
      maxBytes: MAX_OUTPUT_BYTES,
    });
    return this.conclude(name, host, run);
  }

  needsSudo(host: Host, argv: readonly string[]): boolean {
    return host.sudo.some((program) => program === argv[0]);
  }

  /** Makes words of what ssh ended with, and remembers that a host showed a pinned key. */
  async conclude(name: string, host: Host, run: SshRun): Promise<Executed> {
    const { outputBytes, durationMs, end } = run;
    const text = this.clean(run.output.toString('utf8'));
    const seen = { text, outputBytes, durationMs };
    const target = await this.target(host);
    const state = this.#state(name);
    if (end.kind === 'exited') {
      if (state.verified !== target) this.#save(name, { ...state, verified: target });
      return { ok: true, exitCode: end.exitCode, ...seen };
    }
    const isChanged = end.code === 'host_key_wrong' && state.verified === target;
    const code = isChanged ? 'host_key_changed' : end.code;
    this.#options.logger.warn('a host command failed', { host: name, code, ssh: run.sshLog.slice(-2_000) });
    return { ok: false, code, reason: failureReason(name, code), ...seen };
  }

  /** What a host said, without secrets, ours or its own, and without terminal tricks. */
  clean(text: string): string {
    return this.#options.redact(redactHostOutput(withoutControls(text)));
  }

  #path(name: string): string {
    return join(this.#options.folder, `${name}.json`);
  }

  #state(name: string): HostState {
    const path = this.#path(name);
    if (!existsSync(path)) return { reversibleAt: [], verified: null };
    return stateSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  }

  #save(name: string, state: HostState): void {
    writeDurably(this.#path(name), JSON.stringify(state));
  }
}
