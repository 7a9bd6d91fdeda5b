/** Collects output of unknown length: its beginning and its end are kept, and the gap is named. */
export interface BoundedOutput {
  push(chunk: Buffer): void;
  text(): string;
}

export function boundedOutput(maxBytes: number): BoundedOutput {
  const half = Math.floor(maxBytes / 2);
  const head: Buffer[] = [];
  let headBytes = 0;
  let tail: Buffer[] = [];
  let tailBytes = 0;
  let lostBytes = 0;

  /** Cuts the tail back now and then rather than at each chunk. */
  function trim(slack: number) {
    if (tailBytes <= half + slack) return;
    const all = Buffer.concat(tail);
    const kept = all.subarray(all.length - half);
    lostBytes += all.length - kept.length;
    tail = [Buffer.from(kept)];
    tailBytes = kept.length;
  }

  return {
    push(chunk) {
      const room = half - headBytes;
      const first = chunk.subarray(0, room);
      if (first.length > 0) {
        head.push(first);
        headBytes += first.length;
      }
      const rest = chunk.subarray(first.length);
      if (rest.length === 0) return;
      tail.push(rest);
      tailBytes += rest.length;
      trim(half);
    },
    text() {
      trim(0);
      const gap = lostBytes === 0 ? [] : [Buffer.from(`\n… ${lostBytes} bytes left out …\n`)];
      return Buffer.concat([...head, ...gap, ...tail]).toString('utf8');
    },
  };
}
