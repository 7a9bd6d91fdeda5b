export type Body = { text: string; sizeBytes: number; truncated: boolean };

/**
 * Keeps at most `limitBytes` of a body, whatever its headers say; `truncated` tells that there was more. The
 * rest is read and thrown away: a connection whose body was left unread fails its next request.
 */
export async function readBody(request: Request, limitBytes: number): Promise<Body> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: false });
  let text = '';
  let sizeBytes = 0;
  let truncated = false;
  const reader = request.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    const kept = value.subarray(0, limitBytes - sizeBytes);
    truncated ||= kept.byteLength < value.byteLength;
    text += decoder.decode(kept, { stream: true });
    sizeBytes += kept.byteLength;
  }
  return { text: text + decoder.decode(), sizeBytes, truncated };
}

/** Reads what a handler left of a body, and throws it away. */
export async function drainBody(request: Request): Promise<void> {
  if (request.body === null || request.bodyUsed) return;
  await request.body.pipeTo(new WritableStream()).catch(() => {});
}
