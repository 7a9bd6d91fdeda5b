const PAUSE_MS = 100;

/** Waits until `look` gives something; ends early when `over` says why nothing will come. */
export async function until<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  limits: { timeoutMs: number; over?: (() => string | null) | undefined },
): Promise<T> {
  const deadline = performance.now() + limits.timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    const over = limits.over?.() ?? null;
    if (over !== null) throw new Error(`${what} did not come: ${over}`);
    if (performance.now() > deadline)
      throw new Error(`${what} did not come within ${limits.timeoutMs / 1_000} s`);
    await new Promise((next) => setTimeout(next, PAUSE_MS));
  }
}
