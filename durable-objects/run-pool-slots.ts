/** A runner that was not heard of for this long has lost its leases; it stopped acting itself after 90 s. */
export const LEASE_MS = 180_000;
/** A light run lives in its object and sends no heartbeat; it gives up well before. */
export const LIGHT_LEASE_MS = 20 * 60_000;

export interface PoolSettings {
  /** Heavy runs at once over all runners. */
  heavySlots: number;
  lightSlots: number;
  /** Names of the runners that may be given work. */
  runners: string[];
  monthlyBudgetMicroUsd: number | null;
}

export interface RunnerSeen {
  name: string;
  lastSeenAt: number;
  capacity: number;
}

export interface HeldLease {
  kind: 'light' | 'heavy';
  runner: string | null;
}

export type Slot = { ok: true; runner: string | null } | { ok: false };

/**
 * Where a run of this kind can go now. Of the runners the one with most room; one that was never heard of is
 * tried (it answers 429 when it is full), one that fell silent only when there is no other.
 */
export function findSlot(
  kind: 'light' | 'heavy',
  held: readonly HeldLease[],
  seen: readonly RunnerSeen[],
  settings: PoolSettings,
  nowMs: number,
): Slot {
  const sameKind = held.filter((lease) => lease.kind === kind).length;
  if (kind === 'light') return sameKind < settings.lightSlots ? { ok: true, runner: null } : { ok: false };
  if (sameKind >= settings.heavySlots) return { ok: false };
  const candidates = settings.runners
    .map((name) => {
      const known = seen.find((runner) => runner.name === name);
      const used = held.filter((lease) => lease.runner === name).length;
      const silent = known !== undefined && nowMs - known.lastSeenAt > LEASE_MS;
      return { name, silent, free: (known?.capacity ?? settings.heavySlots) - used };
    })
    .filter(({ free }) => free > 0)
    .sort((a, b) => Number(a.silent) - Number(b.silent) || b.free - a.free);
  const best = candidates[0];
  return best ? { ok: true, runner: best.name } : { ok: false };
}

/** Whether a reservation still fits under the cap of the month. */
export function fitsBudget(
  budgetMicroUsd: number,
  spentMicroUsd: number,
  reservedMicroUsd: number,
  capMicroUsd: number | null,
): boolean {
  return capMicroUsd === null || spentMicroUsd + reservedMicroUsd + budgetMicroUsd <= capMicroUsd;
}

export const leaseExpiry = (kind: 'light' | 'heavy', renewedAt: number): number =>
  renewedAt + (kind === 'light' ? LIGHT_LEASE_MS : LEASE_MS);

export const monthOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 7);
