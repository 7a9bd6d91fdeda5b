/**
 * Lifts the data of a recorded entry from one version to the next. The list of a journal only grows: an entry
 * that was written once is read for ever.
 */
export interface Upcaster {
  type: string;
  /** The version it reads; it gives the next one. */
  from: number;
  lift(data: unknown): unknown;
}

/** The version in which entries of this type are written today. */
export const versionOf = (type: string, upcasters: readonly Upcaster[]): number =>
  1 + upcasters.filter((upcaster) => upcaster.type === type).length;

/** The data of an entry as today's code knows it. Throws when it comes from a newer program than this one. */
export function lifted(
  entry: { type: string; v: number; data: unknown },
  upcasters: readonly Upcaster[],
): unknown {
  const current = versionOf(entry.type, upcasters);
  if (entry.v > current) throw new Error(`${entry.type} v${entry.v} is newer than this program`);
  let { data } = entry;
  for (let v = entry.v; v < current; v++) {
    const upcaster = upcasters.find(({ type, from }) => type === entry.type && from === v);
    if (!upcaster) throw new Error(`nothing lifts ${entry.type} from v${v}`);
    data = upcaster.lift(data);
  }
  return data;
}
