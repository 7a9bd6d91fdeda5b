/** The part of node:zlib that works synchronously: no await may come between what is read and what is packed. */
declare module 'node:zlib' {
  export function gzipSync(data: string | Uint8Array, options?: { level: number }): Uint8Array;
  export function gunzipSync(data: Uint8Array): Uint8Array;
}
