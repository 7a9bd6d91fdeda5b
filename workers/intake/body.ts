export type Body = { text: string; sizeBytes: number; truncated: boolean };

/**
 * Reads at most `limitBytes` of a body, whatever its headers say; the rest is left unread. `truncated` tells
 * that there was more.
 */
export async function readBody(request: Request, limitBytes: number): Promise<Body> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  let truncated = false;
  const reader = request.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    const room = limitBytes - sizeBytes;
    if (value.byteLength > room) {
      chunks.push(value.subarray(0, room));
      sizeBytes += room;
      truncated = true;
      await reader.cancel();
      break;
    }
    chunks.push(value);
    sizeBytes += value.byteLength;
  }
  return { text: await new Blob(chunks).text(), sizeBytes, truncated };
}
