/** Networks of runs are small, and many: an explicit pool, since the engine's own ends after some thirty. */
const POOL_FIRST = toNumber('10.213.0.0');
const SUBNET_SIZE = 16;
const SUBNET_COUNT = 65_536 / SUBNET_SIZE;

export interface Subnet {
  cidr: string;
  /** The host's address in it. */
  gateway: string;
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

function rangeOf(cidr: string): [number, number] | null {
  const match = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(cidr);
  if (!match?.[1] || !match[2]) return null;
  const size = 2 ** (32 - Number(match[2]));
  const first = Math.floor(toNumber(match[1]) / size) * size;
  return [first, first + size - 1];
}

/** A /28 of 10.213.0.0/16 that touches none of `taken`, from a random start; null when the pool is used up. */
export function chooseSubnet(taken: readonly string[], random: () => number): Subnet | null {
  const ranges = taken.flatMap((cidr) => {
    const range = rangeOf(cidr);
    return range ? [range] : [];
  });
  const start = Math.floor(random() * SUBNET_COUNT);
  for (let step = 0; step < SUBNET_COUNT; step++) {
    const first = POOL_FIRST + ((start + step) % SUBNET_COUNT) * SUBNET_SIZE;
    const last = first + SUBNET_SIZE - 1;
    if (ranges.some(([from, to]) => first <= to && last >= from)) continue;
    return { cidr: `${toAddress(first)}/28`, gateway: toAddress(first + 1) };
  }
  return null;
}
