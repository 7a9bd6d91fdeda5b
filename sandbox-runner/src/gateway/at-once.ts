/** Lets at most `limit` steps run at a time; the others wait in the order they came. */
export function atOnce(limit: number): <T>(step: () => Promise<T>) => Promise<T> {
  let free = limit;
  const waiting: (() => void)[] = [];
  return async (step) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((go) => waiting.push(go));
    try {
      return await step();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
