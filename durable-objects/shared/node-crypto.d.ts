/** The part of node:crypto that works synchronously, and so inside `transactionSync`. */
declare module 'node:crypto' {
  interface Hash {
    update(data: string | Uint8Array): Hash;
    digest(encoding: 'hex'): string;
    digest(): Uint8Array;
  }
  export function createHash(algorithm: string): Hash;
}
