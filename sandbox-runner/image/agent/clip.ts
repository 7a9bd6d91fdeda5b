/** Keeps head and tail of a text that is too long for the ledger, and says how much is missing. */
export function clip(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const note = `\n… ${text.length - maxChars} characters left out …\n`;
  const room = Math.max(0, maxChars - note.length);
  const head = Math.ceil(room * 0.6);
  return text.slice(0, head) + note + text.slice(text.length - (room - head));
}

/** A tool's input or output as one text, at most `maxChars` long. */
export function clipValue(value: unknown, maxChars: number): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return clip(text, maxChars);
}
