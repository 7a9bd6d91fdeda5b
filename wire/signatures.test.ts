import { describe, expect, test } from 'vitest';
import { type Bytes, utf8 } from './encoding.ts';
import { generateKeyPair, KeyError, parsePublicKeys, parseSigningKey } from './keys.ts';
import { newNonce, type SignOptions, signRequest } from './sign-request.ts';
import { verifyRequest } from './verify-request.ts';

const NOW_MS = 1_800_000_000_000;
const AUTHORITY = 'runner.example:8788';
const pair = await generateKeyPair('worker-1');
const other = await generateKeyPair('worker-2');
const keys = parsePublicKeys(JSON.stringify(pair.publicKeys));
const none: Bytes = new Uint8Array();

function memory() {
  const seen = new Set<string>();
  return async (keyId: string, nonce: string) => {
    const known = seen.has(`${keyId} ${nonce}`);
    seen.add(`${keyId} ${nonce}`);
    return known;
  };
}

async function send(
  change: Partial<SignOptions> & {
    sent?: { method?: string; url?: string; body?: Bytes; headers?: Record<string, string | null> };
    nowMs?: number;
    seenNonce?: ReturnType<typeof memory>;
    signedAtMs?: number;
  } = {},
) {
  const { sent = {}, seenNonce = memory(), nowMs = NOW_MS, signedAtMs = NOW_MS, ...options } = change;
  const sign: SignOptions = {
    method: 'PUT',
    url: 'http://10.0.0.7:9000/v1/runs/run_1?a=b',
    body: utf8('{"x":1}'),
    key: pair.signingKey,
    nonce: newNonce(),
    authority: AUTHORITY,
    ...options,
    nowMs: signedAtMs,
  };
  const headers = await signRequest(sign);
  for (const [name, value] of Object.entries(sent.headers ?? {}))
    value === null ? headers.delete(name) : headers.set(name, value);
  return verifyRequest(
    { method: sent.method ?? sign.method, url: sent.url ?? sign.url, headers },
    sent.body ?? sign.body ?? none,
    { keys, authority: AUTHORITY, nowMs, seenNonce },
  );
}

describe('a signed request', () => {
  test('is known by its key, whatever host name a proxy used', async () => {
    expect(await send()).toEqual({ ok: true, keyId: 'worker-1' });
    expect(await send({ sent: { url: 'http://127.0.0.1:1/v1/runs/run_1?a=b' } })).toMatchObject({ ok: true });
  });

  test('needs no body', async () => {
    expect(await send({ method: 'GET', body: none })).toEqual({ ok: true, keyId: 'worker-1' });
  });

  test.each([
    ['method', { method: 'DELETE' }],
    ['path', { url: 'http://10.0.0.7:9000/v1/runs/run_2?a=b' }],
    ['query', { url: 'http://10.0.0.7:9000/v1/runs/run_1?a=c' }],
    ['content type', { headers: { 'content-type': 'text/plain' } }],
  ])('with another %s is invalid', async (_what, sent) => {
    expect(await send({ sent })).toEqual({ ok: false, code: 'signature_invalid' });
  });

  test('with another body is refused, and so is one that lost its body', async () => {
    expect(await send({ sent: { body: utf8('{"x":2}') } })).toEqual({ ok: false, code: 'digest_mismatch' });
    expect(await send({ sent: { body: none } })).toEqual({ ok: false, code: 'digest_mismatch' });
  });

  test('that was signed without a body may not carry one', async () => {
    const sent = { body: utf8('{}') };
    expect(await send({ method: 'GET', body: none, sent })).toEqual({ ok: false, code: 'signature_invalid' });
  });

  test('without a signature is refused', async () => {
    expect(await send({ sent: { headers: { signature: null } } })).toEqual({
      ok: false,
      code: 'signature_missing',
    });
  });

  test('with a malformed signature is refused', async () => {
    const sent = { headers: { 'signature-input': 'sig1=nonsense(' } };
    expect(await send({ sent })).toEqual({ ok: false, code: 'signature_invalid' });
  });

  test('by a key that is not in the set is refused, also under a known name', async () => {
    expect(await send({ key: other.signingKey })).toEqual({ ok: false, code: 'unknown_key' });
    expect(await send({ key: other.signingKey, keyId: 'worker-1' })).toEqual({
      ok: false,
      code: 'signature_invalid',
    });
  });

  test('for another host is refused and named as such', async () => {
    const url = 'http://10.0.0.7:9000/v1/runs/run_1?a=b';
    expect(await send({ url, authority: '10.0.0.7:9000' })).toEqual({ ok: false, code: 'wrong_host' });
  });

  test('is refused when it is old or from the future', async () => {
    expect(await send({ nowMs: NOW_MS + 66_000 })).toEqual({ ok: false, code: 'signature_expired' });
    expect(await send({ nowMs: NOW_MS - 6_000 })).toEqual({ ok: false, code: 'signature_expired' });
    expect(await send({ nowMs: NOW_MS + 59_000 })).toMatchObject({ ok: true });
  });

  test('is taken once', async () => {
    const seenNonce = memory();
    const nonce = newNonce();
    expect(await send({ nonce, seenNonce })).toMatchObject({ ok: true });
    expect(await send({ nonce, seenNonce })).toEqual({ ok: false, code: 'signature_replayed' });
  });

  test('does not use up its nonce when it is refused', async () => {
    const seenNonce = memory();
    const nonce = newNonce();
    await send({ nonce, seenNonce, sent: { body: utf8('forged') } });
    expect(await send({ nonce, seenNonce })).toMatchObject({ ok: true });
  });
});

describe('keys', () => {
  test('are read from a JWK set or an array, without alg', () => {
    const key = { ...pair.publicKeys.keys[0], alg: 'Ed25519' };
    for (const text of [JSON.stringify({ keys: [key] }), JSON.stringify([key])])
      expect(parsePublicKeys(text).get('worker-1')).toEqual(pair.publicKeys.keys[0]);
    expect(parseSigningKey(JSON.stringify({ ...pair.signingKey, alg: 'Ed25519' }))).toEqual(pair.signingKey);
  });

  test('that do not parse are refused without being repeated', () => {
    const secret = JSON.stringify({ ...pair.signingKey, kid: '' });
    expect(() => parseSigningKey(secret)).toThrow(KeyError);
    expect(() => parseSigningKey(secret)).not.toThrow(pair.signingKey.d);
    expect(() => parsePublicKeys('nonsense')).toThrow(KeyError);
  });

  test('of the public side never hold the private part', () => {
    expect(JSON.stringify(pair.publicKeys)).not.toContain(pair.signingKey.d);
  });
});
