import { BlockList, isIP } from 'node:net';

/**
 * Which resolved addresses a tunnel may go to: global unicast, and nothing that can lead back to this host, its
 * networks or its provider. After the registries of special-purpose addresses (RFC 6890 and its updates).
 */
const REFUSED_V4: [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Link-local, with the metadata service of most providers.
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  // 6to4 relays.
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  // Multicast, reserved, broadcast.
  ['224.0.0.0', 3],
  // Outside all those ranges, and still only a provider's own services (Azure, Alibaba).
  ['168.63.129.16', 32],
  ['100.100.100.200', 32],
];

/** Of 2000::/3, the global space; all else of IPv6 is refused whole, so also ::1, ::ffff:0:0/96, 64:ff9b::/96, fc00::/7, fe80::/10, ff00::/8. */
const REFUSED_V6: [string, number][] = [
  // Protocol assignments: Teredo, ORCHID, benchmarking and their like.
  ['2001::', 23],
  ['2001:db8::', 32],
  // 6to4: an IPv4 address in disguise.
  ['2002::', 16],
  ['3fff::', 20],
];

const refused = new BlockList();
for (const [network, prefix] of REFUSED_V4) refused.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of REFUSED_V6) refused.addSubnet(network, prefix, 'ipv6');
const globalV6 = new BlockList();
globalV6.addSubnet('2000::', 3, 'ipv6');

export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !refused.check(address, 'ipv4');
  if (family === 6) return globalV6.check(address, 'ipv6') && !refused.check(address, 'ipv6');
  return false;
}
