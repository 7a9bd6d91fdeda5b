import { z } from 'zod';

const publicKeySchema = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  kid: z.string().min(1).max(100),
  x: z.string().min(1),
});
const signingKeySchema = publicKeySchema.extend({ d: z.string().min(1) });
const keySetSchema = z.union([
  z.object({ keys: z.array(publicKeySchema).min(1) }),
  z.array(publicKeySchema).min(1),
]);

/** An Ed25519 public key as JWK (RFC 8037). `alg` is never kept: workerd refuses Node's `alg: "Ed25519"`. */
export type PublicKey = z.infer<typeof publicKeySchema>;
/** The private JWK: `d` is a secret. */
export type SigningKey = z.infer<typeof signingKeySchema>;
/** Public keys by their `kid`; two while a key is being rotated. */
export type PublicKeys = ReadonlyMap<string, PublicKey>;

/** Says what is wrong with a key without repeating any of it. */
export class KeyError extends Error {
  override name = 'KeyError';
}

function parse<T>(schema: z.ZodType<T>, json: string, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new KeyError(`${what} is not JSON`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new KeyError(`${what} is not an Ed25519 JWK with kid`);
  return parsed.data;
}

/** A private JWK with `kid`, as JSON text. Throws `KeyError`. */
export function parseSigningKey(json: string): SigningKey {
  return parse(signingKeySchema, json, 'the signing key');
}

/** A JWK set, or an array of JWKs, each with `kid`, as JSON text. Throws `KeyError`. */
export function parsePublicKeys(json: string): PublicKeys {
  const set = parse(keySetSchema, json, 'the set of public keys');
  return new Map((Array.isArray(set) ? set : set.keys).map((key) => [key.kid, key]));
}

export function publicKeyOf(key: SigningKey): PublicKey {
  return { kty: key.kty, crv: key.crv, kid: key.kid, x: key.x };
}

export interface KeyPair {
  /** A secret. */
  signingKey: SigningKey;
  /** The JWK set for the other side. */
  publicKeys: { keys: PublicKey[] };
}

export async function generateKeyPair(kid: string): Promise<KeyPair> {
  const pair = (await crypto.subtle.generateKey({ name: 'Ed25519' }, true, [
    'sign',
    'verify',
  ])) as CryptoKeyPair;
  const jwk: unknown = await crypto.subtle.exportKey('jwk', pair.privateKey);
  const signingKey = signingKeySchema.parse({ ...(jwk as object), kid });
  return { signingKey, publicKeys: { keys: [publicKeyOf(signingKey)] } };
}

const imported = new WeakMap<object, Promise<CryptoKey>>();

function importOnce(key: PublicKey | SigningKey, usage: 'sign' | 'verify'): Promise<CryptoKey> {
  const known = imported.get(key);
  if (known) return known;
  const fresh = crypto.subtle.importKey('jwk', { ...key }, { name: 'Ed25519' }, false, [usage]);
  imported.set(key, fresh);
  return fresh;
}

export const importSigningKey = (key: SigningKey): Promise<CryptoKey> => importOnce(key, 'sign');
export const importPublicKey = (key: PublicKey): Promise<CryptoKey> => importOnce(key, 'verify');
