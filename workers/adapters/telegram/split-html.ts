/**
 * Cuts Telegram HTML into messages: tags stay whole, are closed where a message ends and opened again where
 * the next begins. The limit counts UTF-16 units as Telegram does, after tags and entities are read.
 */
const TOKEN = /<\/?[a-z][^<>]*>|&(?:#\d+|#x[0-9a-f]+|lt|gt|amp|quot);|[\s\S]/giu;
/** How far back from the limit a line end, or else a space, is looked for. */
const LOOK_BACK = 600;
/** A sign that is drawn with the one before it: a cut between them would show two others. */
const JOINED = /^(?:\p{M}|\u200d|\ufe0f|[\u{1f3fb}-\u{1f3ff}])$/u;
const JOINER = '\u200d';
/** The longest emoji are families of four: about a dozen code points. */
const MAX_JOINED = 16;

interface Piece {
  text: string;
  /** UTF-16 units that it counts for. */
  size: number;
}

export function splitHtml(html: string, limit = 4_096): string[] {
  const pieces = piecesOf(html);
  const parts: string[] = [];
  let open: string[] = [];
  let from = 0;
  while (from < pieces.length) {
    const to = endOfPart(pieces, from, limit);
    const body = pieces.slice(from, to).map(({ text }) => text);
    const prefix = open.join('');
    open = openAfter(open, body);
    const suffix = [...open].reverse().map(closing).join('');
    // A message of blanks alone is refused by Telegram.
    if (body.some((text) => !isTag(text) && text.trim() !== '')) parts.push(prefix + body.join('') + suffix);
    from = to;
  }
  return parts;
}

const piecesOf = (html: string): Piece[] =>
  [...html.matchAll(TOKEN)].map(([text]) => ({ text, size: isTag(text) ? 0 : decoded(text).length }));

const isTag = (text: string): boolean => text.length > 1 && text.startsWith('<');

export function sizeOfHtml(html: string): number {
  return piecesOf(html).reduce((sum, { size }) => sum + size, 0);
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
  for (let at = to; at > Math.max(from + 1, to - MAX_JOINED); at--) if (!isJoined(pieces, at)) return at;
  return Math.max(to, from + 1);
}

const isJoined = (pieces: readonly Piece[], at: number): boolean =>
  JOINED.test(pieces[at]?.text ?? '') || pieces[at - 1]?.text === JOINER;

function openAfter(before: readonly string[], body: readonly string[]): string[] {
  const open = [...before];
  for (const text of body.filter(isTag)) {
    if (text.startsWith('</')) open.pop();
    else open.push(text);
  }
  return open;
}

const closing = (tag: string): string => `</${/^<([a-z-]+)/i.exec(tag)?.[1] ?? ''}>`;

const NAMED: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&amp;': '&', '&quot;': '"' };

/** What an entity stands for; anything else is itself. */
function decoded(text: string): string {
  const [, hex, digits] = /^&#(?:x([0-9a-f]+)|(\d+));$/i.exec(text) ?? [];
  const code = hex === undefined ? Number(digits) : Number.parseInt(hex, 16);
  if (code > 0 && code <= 0x10ffff) return String.fromCodePoint(code);
  return NAMED[text.toLowerCase()] ?? text;
}

/** The text without its formatting: the last resort when Telegram cannot read the HTML. */
export function plainOfHtml(html: string): string {
  return piecesOf(html)
    .map(({ text }) => (isTag(text) ? '' : decoded(text)))
    .join('');
}
