/**
 * The map of the built outside. "Public" addresses must pass for public at the gateway, so they come from a range
 * that no registry reserves; the host's route to them is bent for the time of the battery.
 */
export const NAMESPACE = 'dwattack';
export const HOST_SIDE = 'dwattack0';
export const FAR_SIDE = 'dwattack1';

export const PUBLIC_NET = '128.66.77';
export const ALLOWED = `${PUBLIC_NET}.2`;
export const BLOCKED = `${PUBLIC_NET}.3`;
export const RESOLVER = `${PUBLIC_NET}.53`;
export const METADATA = '169.254.169.254';
/** On a subnet that the host itself is on. */
export const NEIGHBOUR = '10.66.77.9';
export const PRIVATE_172 = '172.30.177.9';
export const PRIVATE_192 = '192.168.177.9';
export const CGNAT = '100.64.77.9';
export const PUBLIC_V6 = '2001:db8:77::2';
export const UNIQUE_LOCAL_V6 = 'fd77:77::2';

export const HOST_ADDRESSES = [
  `${PUBLIC_NET}.1/24`,
  '10.66.77.1/24',
  '172.30.177.1/24',
  '192.168.177.1/24',
  '100.64.77.1/24',
];
export const FAR_ADDRESSES = [
  `${ALLOWED}/24`,
  `${BLOCKED}/24`,
  `${RESOLVER}/24`,
  `${NEIGHBOUR}/24`,
  `${PRIVATE_172}/24`,
  `${PRIVATE_192}/24`,
  `${CGNAT}/24`,
  `${METADATA}/32`,
];
export const HOST_V6 = ['2001:db8:77::1/64', 'fd77:77::1/64'];
export const FAR_V6 = [`${PUBLIC_V6}/64`, `${UNIQUE_LOCAL_V6}/64`];

const ZONE = 'attack.test';
export const nameOf = (label: string) => `${label}.${ZONE}`;

/** What the resolver answers. A list of lists answers in turn: that is a name that rebinds. */
export const RECORDS: Record<string, { a?: string[][]; aaaa?: string[] }> = {
  allowed: { a: [[ALLOWED]] },
  blocked: { a: [[BLOCKED]] },
  private: { a: [[NEIGHBOUR]] },
  private172: { a: [[PRIVATE_172]] },
  private192: { a: [[PRIVATE_192]] },
  cgnat: { a: [[CGNAT]] },
  metadata: { a: [[METADATA]] },
  loopback: { a: [['127.0.0.1']] },
  zero: { a: [['0.0.0.0']] },
  multicast: { a: [['224.0.0.1']] },
  mixed: { a: [[ALLOWED, NEIGHBOUR]] },
  rebinding: { a: [[ALLOWED], [NEIGHBOUR]] },
  mapped: { aaaa: [`::ffff:${NEIGHBOUR}`] },
  loopback6: { aaaa: ['::1'] },
  nat64: { aaaa: ['64:ff9b::a42:4d09'] },
  sixtofour: { aaaa: ['2002:a42:4d09::1'] },
  unique: { aaaa: [UNIQUE_LOCAL_V6] },
};
