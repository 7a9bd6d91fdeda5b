import { gunzipSync, gzipSync } from 'node:zlib';

export const gzipJson = (value: unknown): Uint8Array => gzipSync(JSON.stringify(value));

export const gunzipJson = <T>(bytes: ArrayBuffer): T =>
  JSON.parse(new TextDecoder().decode(gunzipSync(new Uint8Array(bytes)))) as T;
