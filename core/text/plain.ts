/** Text from outside, or from a model, before it goes into one of our texts. */

/** Takes away what our own tokens are written with: nobody else may write a token. */
export const untoken = (text: string): string => text.replace(/[⟦⟧]/g, '');

/** Takes away what the fence around untrusted text in a prompt is written with: nobody may close it from inside. */
export const unfence = (text: string): string => text.replace(/<(?=\s*\/?\s*untrusted)/gi, '‹');

/** At most `max` UTF-16 units, marked where cut, never through a surrogate pair. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text;
  const cut = text.slice(0, max - 1);
  return `${/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (char) => ESCAPES[char] ?? char);

/** Outside text for a place in a Telegram HTML message: one line, clipped, escaped, without tokens. */
export const html = (text: string, max = 300): string =>
  escapeHtml(clip(untoken(text).replace(/\s+/g, ' ').trim(), max));

/** Outside text for a place in a plain message: clipped, without tokens. */
export const plain = (text: string, max = 2_000): string => clip(untoken(text), max);
