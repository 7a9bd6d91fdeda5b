/**
 * What the first bytes of a TLS connection say of the server they want. Pure; the bytes come from a container and
 * may be anything.
 */
export type Hello =
  | { kind: 'incomplete' }
  | { kind: 'invalid'; reason: string }
  | { kind: 'hello'; serverName: string | null; encrypted: boolean };

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const ENCRYPTED_CLIENT_HELLO = 0xfe0d;
/** No honest hello is larger, post-quantum key shares included. */
const MAX_HELLO_BYTES = 16_384;

const invalid = (reason: string): Hello => ({ kind: 'invalid', reason });

class OutOfBytes extends Error {}

/** Reads on from an offset; running out is an error that the caller sorts out. */
function reader(bytes: Buffer) {
  let at = 0;
  const take = (size: number): Buffer => {
    if (at + size > bytes.length) throw new OutOfBytes();
    at += size;
    return bytes.subarray(at - size, at);
  };
  const number = (size: number): number => take(size).readUIntBE(0, size);
  return { number, take, block: (size: number) => take(number(size)), left: () => bytes.length - at };
}

/** The handshake message, put together from as many records as it was cut into. */
function handshakeOf(bytes: Buffer): Buffer | Hello {
  const parts: Buffer[] = [];
  let size = 0;
  const records = reader(bytes);
  while (records.left() >= 5) {
    if (records.number(1) !== HANDSHAKE_RECORD) return invalid('not TLS');
    if (records.number(1) !== 3) return invalid('not TLS');
    records.number(1);
    const length = records.number(2);
    if (length === 0 || length > MAX_HELLO_BYTES) return invalid('a record of impossible size');
    const part = records.take(Math.min(length, records.left()));
    parts.push(part);
    size += part.length;
    const whole = Buffer.concat(parts);
    if (size >= 4) {
      if (whole[0] !== CLIENT_HELLO) return invalid('not a ClientHello');
      const wanted = whole.readUIntBE(1, 3) + 4;
      if (wanted > MAX_HELLO_BYTES) return invalid('a ClientHello of impossible size');
      if (size >= wanted) return whole.subarray(4, wanted);
    }
    if (part.length < length) break;
  }
  const [first] = bytes;
  if (first !== undefined && first !== HANDSHAKE_RECORD) return invalid('not TLS');
  return bytes.length > MAX_HELLO_BYTES * 2 ? invalid('no ClientHello') : { kind: 'incomplete' };
}

function serverNameOf(data: Buffer): string | null {
  const list = reader(reader(data).block(2));
  let found: string | null = null;
  while (list.left() > 0) {
    const type = list.number(1);
    const name = list.block(2).toString('latin1');
    if (type === 0) {
      // Two names are one for us and another for somebody else.
      if (found !== null) throw new OutOfBytes();
      found = name;
    }
  }
  return found;
}

export function readClientHello(bytes: Buffer): Hello {
  const handshake = handshakeOf(bytes);
  if (!Buffer.isBuffer(handshake)) return handshake;
  try {
    const message = reader(handshake);
    message.take(2 + 32);
    message.block(1);
    message.block(2);
    message.block(1);
    let serverName: string | null = null;
    let encrypted = false;
    const seen = new Set<number>();
    const extensions = reader(message.left() > 0 ? message.block(2) : Buffer.alloc(0));
    while (extensions.left() > 0) {
      const type = extensions.number(2);
      const data = extensions.block(2);
      if (seen.has(type)) return invalid('an extension twice');
      seen.add(type);
      if (type === SERVER_NAME) serverName = serverNameOf(data);
      if (type === ENCRYPTED_CLIENT_HELLO) encrypted = true;
    }
    return { kind: 'hello', serverName, encrypted };
  } catch (error) {
    if (error instanceof OutOfBytes) return invalid('a malformed ClientHello');
    throw error;
  }
}
