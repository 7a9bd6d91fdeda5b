/**
 * Cuts Telegram HTML into messages: tags stay whole, are closed where a message ends and opened again where
 * the next begins. The limit counts characters as Telegram does, after tags and entities are read.
 */
const TOKEN = /<\/?[a-z][^<>]*>|&(?:#\d+|#x[0-9a-f]+|[a-z]+);|[\s\S]/giu;
/** How far back from the limit a line end, or else a space, is looked for. */
const LOOK_BACK = 600;

interface Piece {
  text: string;
  /** UTF-16 units that it counts for. */
  size: number;
}

export function splitHtml(html: string, limit = 4_096): string[] {
  const pieces: Piece[] = [...html.matchAll(TOKEN)].map(([text]) => ({ text, size: sizeOf(text) }));
  const parts: string[] = [];
  let open: string[] = [];
  let from = 0;
  while (from < pieces.length) {
    const to = endOfPart(pieces, from, limit);
    const body = pieces.slice(from, to).map(({ text }) => text);
    const prefix = open.join('');
    open = openAfter(open, body);
    const suffix = [...open].reverse().map(closing).join('');
    const text = body.join('').trim();
    if (text !== '') parts.push(prefix + text + suffix);
    from = to;
  }
  return parts.filter((part) => sizeOfHtml(part) > 0);
}

const isTag = (text: string): boolean => text.length > 1 && text.startsWith('<');

function sizeOf(text: string): number {
  if (isTag(text)) return 0;
  return text.startsWith('&') && text.length > 1 ? 1 : text.length;
}

export function sizeOfHtml(html: string): number {
  return [...html.matchAll(TOKEN)].reduce((sum, [text]) => sum + sizeOf(text), 0);
}

/** Index after the last piece that still fits, moved back to a line end or a space where one is near. */
function endOfPart(pieces: readonly Piece[], from: number, limit: number): number {
  let size = 0;
  let to = from;
  while (to < pieces.length && size + (pieces[to]?.size ?? 0) <= limit) {
    size += pieces[to]?.size ?? 0;
    to += 1;
  }
  if (to >= pieces.length) return pieces.length;
  for (const wanted of ['\n', ' ']) {
    const least = Math.max(from + 1, to - LOOK_BACK);
    for (let at = to; at > least; at--) if (pieces[at - 1]?.text === wanted) return at;
  }
  return Math.max(to, from + 1);
}

function openAfter(before: readonly string[], body: readonly string[]): string[] {
  const open = [...before];
  for (const text of body.filter(isTag)) {
    if (text.startsWith('</')) open.pop();
    else open.push(text);
  }
  return open;
}

const closing = (tag: string): string => `</${/^<([a-z-]+)/i.exec(tag)?.[1] ?? ''}>`;

const ENTITIES: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&amp;': '&', '&quot;': '"' };

/** The text without its formatting: the last resort when Telegram cannot read the HTML. */
export function plainOfHtml(html: string): string {
  return html
    .replace(/<\/?[a-z][^<>]*>/gi, '')
    .replace(/&(?:lt|gt|amp|quot);/g, (entity) => ENTITIES[entity] ?? entity);
}
