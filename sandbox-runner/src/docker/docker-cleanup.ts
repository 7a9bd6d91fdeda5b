/** Undoes what was set up, last first; one failure does not keep the rest from being undone. */
export class Cleanup {
  #steps: (() => Promise<void>)[] = [];
  readonly #log: (line: string) => void;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  add(step: () => Promise<void>): void {
    this.#steps.push(step);
  }

  async run(): Promise<void> {
    for (const step of this.#steps.splice(0).reverse()) {
      await step().catch((error: unknown) => this.#log(`cleaning up: ${String(error)}`));
    }
  }
}
