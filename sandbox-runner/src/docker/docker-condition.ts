import { checkEngine, type DockerError, type Engine } from './docker.ts';

/** Between the end of a container and that of its engine. */
const ENGINE_LEAVES_MS = 1_500;

type Place = 'firewall' | 'seccomp' | 'engine' | 'disk';

/** What is known of the engine: how strong its walls are, and what is wrong now, each until it is seen to be mended. */
export class EngineCondition {
  readonly #engine: Engine;
  readonly #runtime: string | null;
  readonly #problems = new Map<Place, string>();
  #notes: string[] = [];

  constructor(engine: Engine, runtime: string | null) {
    this.#engine = engine;
    this.#runtime = runtime;
  }

  problems(): string[] {
    return [...this.#problems.values()];
  }

  notes(): string[] {
    return this.#notes;
  }

  /** Says that the walls between containers and this host are not whole. */
  firewallOpen(problem: string): void {
    this.#problems.set('firewall', problem);
  }

  /** A container runs: engine and disk are as they should be. */
  works(): void {
    this.#problems.delete('engine');
    this.#problems.delete('disk');
  }

  failed({ message }: DockerError): void {
    this.#problems.set(message.startsWith('disk') ? 'disk' : 'engine', message);
  }

  /** A runtime that was asked for and is not there is an error, never a fall-back to a weaker one. */
  async requireRuntime(): Promise<void> {
    const { runtimes, userNamespaces, seccomp } = await checkEngine(this.#engine);
    if (this.#runtime !== null && !runtimes.includes(this.#runtime)) {
      throw new Error(
        `The engine has no runtime "${this.#runtime}" (it has ${runtimes.join(', ')}). Install it and name it in the engine's daemon.json, or unset RUNNER_RUNTIME.`,
      );
    }
    this.#notes = [
      `runtime: ${this.#runtime ?? 'the default of the engine'}`,
      `user namespaces: ${userNamespaces ? 'remapped' : 'not remapped (dockerd --userns-remap=default would add a wall)'}`,
    ];
    if (!seccomp) {
      this.#problems.set(
        'seccomp',
        'The engine has no seccomp: containers may use every system call. Use a kernel and an engine with it.',
      );
    }
  }

  /** Asks the engine for a sign of life; true when it is back after it was away. */
  async look(): Promise<boolean> {
    const wasAway = this.#problems.has('engine');
    try {
      await checkEngine(this.#engine);
      this.#problems.delete('engine');
      return wasAway;
    } catch (error) {
      this.#problems.set('engine', error instanceof Error ? error.message : String(error));
      return false;
    }
  }

  /** Asked when a container ended without a word: an engine that is being stopped takes its containers down first. */
  async isGone(): Promise<boolean> {
    await new Promise((done) => setTimeout(done, ENGINE_LEAVES_MS));
    await this.look();
    return this.#problems.has('engine');
  }
}
