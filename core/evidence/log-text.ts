/**
 * A CI log as a person would read it: without escape sequences, timestamps, progress that overwrote itself and
 * the markers of CI systems. Line numbers stay those of the stored log, so that a claim can be checked there.
 * Everything is a single forward scan: a log is untrusted, and must not be able to cost more than its length.
 */

export type LogMarker = 'error' | 'warning' | 'command' | 'group' | 'section' | 'debug';

export type LogLine = {
  /** From 1, in the stored log. */
  number: number;
  text: string;
  /** What the CI system said the line is. */
  marker: LogMarker | null;
};

const ESC = 0x1b;
const BELL = 0x07;
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z ?/;
const HASH_MARKER = /^##\[(\w{1,20})\]/;
const COMMAND_MARKER = /^::(error|warning|notice|debug|group|endgroup)(?: [^:]{0,500})?::/;
const TRAVIS_MARKER = /^travis_(?:fold|time):[\w.:=-]{0,300}/;
const MARKERS: Record<string, LogMarker> = {
  error: 'error',
  warning: 'warning',
  command: 'command',
  group: 'group',
  section: 'section',
  debug: 'debug',
};

export function splitLog(text: string): LogLine[] {
  const raw = text.split('\n');
  if (raw.at(-1) === '') raw.pop();
  return raw.map((line, index) => cleanLine(line, index + 1));
}

/** The cleaned log as one text, line for line. */
export function cleanLog(text: string): string {
  return splitLog(text)
    .map((line) => line.text)
    .join('\n');
}

function cleanLine(raw: string, number: number): LogLine {
  let text = raw.charCodeAt(0) === 0xfeff ? raw.slice(1) : raw;
  text = withoutTimestamp(text);
  text = withoutEscapes(text);
  text = lastOverwrite(text);
  if (text.startsWith('travis_')) text = text.replace(TRAVIS_MARKER, '');

  const found = text.startsWith('#') || text.startsWith(':') ? markerOf(text) : null;
  if (found) return { number, text: withoutControls(text.slice(found.length)), marker: found.marker };
  return { number, text: withoutControls(text), marker: null };
}

function withoutTimestamp(text: string): string {
  const first = text.charCodeAt(0);
  return first >= 0x30 && first <= 0x39 ? text.replace(TIMESTAMP, '') : text;
}

function markerOf(text: string): { length: number; marker: LogMarker | null } | null {
  const match = HASH_MARKER.exec(text) ?? COMMAND_MARKER.exec(text);
  return match ? { length: match[0].length, marker: MARKERS[match[1] ?? ''] ?? null } : null;
}

/** A carriage return moves the cursor back: what was written last is what stands there. */
function lastOverwrite(text: string): string {
  if (!text.includes('\r')) return text;
  let end = text.length;
  while (end > 0) {
    const start = text.lastIndexOf('\r', end - 1);
    if (end - start > 1) return text.slice(start + 1, end);
    end = start;
  }
  return '';
}

/** Drops ANSI sequences: CSI (colours, cursor), OSC (titles, links) and two-character ones. */
function withoutEscapes(text: string): string {
  let at = text.indexOf('\u001b');
  if (at === -1) return text;
  let kept = '';
  let from = 0;
  while (at !== -1) {
    kept += text.slice(from, at);
    from = endOfEscape(text, at);
    at = text.indexOf('\u001b', from);
  }
  return kept + text.slice(from);
}

function endOfEscape(text: string, start: number): number {
  const kind = text[start + 1];
  if (kind === '[') {
    let at = start + 2;
    while (at < text.length && text.charCodeAt(at) >= 0x20 && text.charCodeAt(at) < 0x40) at += 1;
    const final = text.charCodeAt(at);
    return final >= 0x40 && final <= 0x7e ? at + 1 : at;
  }
  if (kind === ']') {
    let at = start + 2;
    while (at < text.length && text.charCodeAt(at) !== BELL && text.charCodeAt(at) !== ESC) at += 1;
    if (text.charCodeAt(at) === BELL) return at + 1;
    return text[at + 1] === '\\' ? at + 2 : at;
  }
  if (kind === undefined) return start + 1;
  const code = kind.charCodeAt(0);
  if (code >= 0x20 && code <= 0x2f) return Math.min(start + 3, text.length);
  return code >= 0x30 && code <= 0x7e ? start + 2 : start + 1;
}

/** Control characters say nothing to a reader and may confuse what shows them; tabs stay. */
function withoutControls(text: string): string {
  let kept: string | null = null;
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x09 || (code >= 0x20 && code !== 0x7f)) continue;
    kept = (kept ?? '') + text.slice(from, at);
    from = at + 1;
  }
  return kept === null ? text : kept + text.slice(from);
}
