import { canonicalJson } from './canonical-json.ts';

export const GENESIS = '0'.repeat(64);

export interface Link {
  chain: string;
  seq: number;
  prev: string;
  hash: string;
}

/** `sha256` takes text and gives lower-case hex. The hash covers chain, sequence, predecessor and content. */
export function linkOf(
  chain: string,
  seq: number,
  prev: string,
  content: unknown,
  sha256: (text: string) => string,
): Link {
  return { chain, seq, prev, hash: sha256(canonicalJson({ chain, seq, prev, content })) };
}

export type ChainFault = { seq: number; fault: 'gap' | 'prev_differs' | 'hash_differs' };

/** The first place where the chain does not hold; null when all of it does. */
export function findFault(
  links: readonly (Link & { content: unknown })[],
  sha256: (text: string) => string,
): ChainFault | null {
  let prev = GENESIS;
  for (const [index, link] of links.entries()) {
    if (link.seq !== index + 1) return { seq: link.seq, fault: 'gap' };
    if (link.prev !== prev) return { seq: link.seq, fault: 'prev_differs' };
    if (linkOf(link.chain, link.seq, prev, link.content, sha256).hash !== link.hash)
      return { seq: link.seq, fault: 'hash_differs' };
    prev = link.hash;
  }
  return null;
}
