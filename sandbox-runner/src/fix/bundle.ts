/** A container's bundle is at most this large. */
export const MAX_BUNDLE_BYTES = 20 * 1_024 * 1_024;
/** Headers list a handful of refs; more is no bundle of ours. */
const MAX_HEADER_BYTES = 64 * 1_024;

export type ParsedBundle = { ok: true; refs: string[]; packOffset: number } | { ok: false; fault: string };

/** Reads the header of a Git bundle (gitformat-bundle), version 2 or 3 with SHA-1; the pack follows it. */
export function parseBundle(bytes: Uint8Array): ParsedBundle {
  const head = Buffer.from(bytes.subarray(0, MAX_HEADER_BYTES));
  const end = head.indexOf('\n\n');
  if (end < 0) return { ok: false, fault: 'it has no header' };
  const [signature, ...lines] = head.subarray(0, end).toString('utf8').split('\n');
  if (signature !== '# v2 git bundle' && signature !== '# v3 git bundle')
    return { ok: false, fault: 'it is not a Git bundle' };
  const refs: string[] = [];
  for (const line of lines) {
    if (line.startsWith('@')) {
      if (line !== '@object-format=sha1') return { ok: false, fault: `capability ${line.slice(1, 60)}` };
      continue;
    }
    const reference = /^(-?)([0-9a-f]{40})(?: .*)?$/.exec(line);
    if (!reference?.[2]) return { ok: false, fault: 'its header is malformed' };
    if (reference[1] === '') refs.push(reference[2]);
  }
  return { ok: true, refs, packOffset: end + 2 };
}
