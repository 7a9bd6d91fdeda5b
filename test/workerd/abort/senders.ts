interface Thing {
  what: string;
  attempt: () => Promise<boolean>;
  underWay: Promise<void> | null;
}

/** What the outside tells the Worker: each thing again until it is taken, as all who send hooks do. */
export class Senders {
  readonly #open = new Set<Thing>();

  /** `attempt` resolves with whether it was taken. */
  tell(attempt: () => Promise<boolean>, what = ''): void {
    this.#open.add({ what, attempt, underWay: null });
  }

  get isIdle(): boolean {
    return this.#open.size === 0;
  }

  isTelling(what: string): boolean {
    return [...this.#open].some((one) => one.what === what);
  }

  go(): void {
    for (const one of this.#open) {
      if (one.underWay !== null) continue;
      const underWay = one
        .attempt()
        .catch(() => false)
        .then((isTaken) => {
          if (isTaken) this.#open.delete(one);
          if (one.underWay === underWay) one.underWay = null;
        });
      one.underWay = underWay;
    }
  }

  /** Nobody will answer what is under way. */
  giveUp(): void {
    for (const one of this.#open) one.underWay = null;
  }
}
