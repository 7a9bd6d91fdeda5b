import { isPublicAddress } from './address-policy.ts';
import { readClientHello } from './client-hello.ts';

/** Decisions about a forward tunnel, each from what is known at that moment. Pure. */
export type TunnelVerdict<Granted> = ({ ok: true } & Granted) | { ok: false; reason: string };

const HOST = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** A name with at least two labels, of which the last is no number: never an address. */
export const isTunnelHost = (host: string): boolean => HOST.test(host);

/** `target` is what stood after CONNECT. */
export function decideTarget(target: string, hosts: readonly string[]): TunnelVerdict<{ host: string }> {
  const [, name = '', port] = /^([^:/?#@[\]]+):(\d{1,5})$/.exec(target) ?? [];
  const host = name.toLowerCase();
  if (!isTunnelHost(host)) return { ok: false, reason: 'A tunnel leads to a host by its name.' };
  if (port !== '443') return { ok: false, reason: 'A tunnel leads to port 443.' };
  if (!hosts.includes(host)) return { ok: false, reason: `This run has no tunnel to ${host}.` };
  return { ok: true, host };
}

/** One address that is not public condemns the name: who answers so is not to be trusted with the others. */
export function decideAddress(addresses: readonly string[]): TunnelVerdict<{ address: string }> {
  const [address] = addresses;
  if (address === undefined) return { ok: false, reason: 'The name has no address.' };
  const inner = addresses.find((each) => !isPublicAddress(each));
  if (inner !== undefined) return { ok: false, reason: `The name leads to ${inner}, which is not public.` };
  return { ok: true, address };
}

/** Null: more bytes are needed. */
export function decideHello(bytes: Buffer, host: string): TunnelVerdict<object> | null {
  const hello = readClientHello(bytes);
  if (hello.kind === 'incomplete') return null;
  if (hello.kind === 'invalid') return { ok: false, reason: `The tunnel carries no TLS (${hello.reason}).` };
  if (hello.encrypted) return { ok: false, reason: 'The ClientHello hides its server name.' };
  if (hello.serverName?.toLowerCase() !== host) {
    return { ok: false, reason: `The ClientHello asks for ${hello.serverName ?? 'no name'}.` };
  }
  return { ok: true };
}
