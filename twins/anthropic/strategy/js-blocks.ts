/** Finds calls and their extents in JavaScript or TypeScript text, knowing strings, templates, comments and regexes. */

export type Span = { start: number; end: number };

export type TitledCall = {
  /** From the first character of its statement (with indentation) to the end of its last line. */
  block: Span;
  /** The title literal with its quotes. */
  title: Span;
  quote: string;
};

/** Code mask: true where the character is code, false inside strings, templates, comments and regexes. */
export function codeMask(text: string): Uint8Array {
  const mask = new Uint8Array(text.length).fill(1);
  let at = 0;
  const skipTo = (end: number): void => {
    mask.fill(0, at, Math.min(end, text.length));
    at = end;
  };
  while (at < text.length) {
    const char = text[at] ?? '';
    const pair = text.slice(at, at + 2);
    if (pair === '//') skipTo(lineEnd(text, at));
    else if (pair === '/*') skipTo(endOf(text, '*/', at + 2));
    else if (char === '"' || char === "'") skipTo(stringEnd(text, at, char));
    else if (char === '`') skipTo(templateEnd(text, at));
    else if (char === '/' && regexMayStart(text, at)) skipTo(regexEnd(text, at));
    else at += 1;
  }
  return mask;
}

/** The index just past the bracket that closes the one at `open`; -1 when it never closes. */
export function closeOf(text: string, mask: Uint8Array, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    if (mask[at] !== 1) continue;
    if ('([{'.includes(text[at] ?? '')) depth += 1;
    else if (')]}'.includes(text[at] ?? '')) depth -= 1;
    if (depth === 0) return at + 1;
  }
  return -1;
}

/** Calls `name(<literal>, …` whose title's raw text is `title`, as whole statements. */
export function findTitledCalls(text: string, title: string): TitledCall[] {
  const mask = codeMask(text);
  return literalsAfterParen(text, mask).flatMap((literal) => {
    if (unescapeText(text.slice(literal.start + 1, literal.end - 1)) !== title) return [];
    const block = statementAround(text, mask, literal.open);
    return block
      ? [{ block, title: { start: literal.start, end: literal.end }, quote: text[literal.start] ?? "'" }]
      : [];
  });
}

/** Properties of an object that holds tests by their titles, one or more whole lines each: `'adds up': () => …,`. */
export function findTitledProperties(text: string, title: string): TitledCall[] {
  const mask = codeMask(text);
  return [...text.matchAll(/^[ \t]*(?:async\s+)?(["'`])/gm)].flatMap((match) => {
    const quote = match[1] ?? "'";
    const start = match.index + match[0].length - 1;
    const end = quote === '`' ? templateEnd(text, start) : stringEnd(text, start, quote);
    if (unescapeText(text.slice(start + 1, end - 1)) !== title || !/^\s*[:(]/.test(text.slice(end)))
      return [];
    const last = propertyEnd(text, mask, end);
    return last < 0 ? [] : [{ block: { start: match.index, end: last }, title: { start, end }, quote }];
  });
}

/** Just past the comma that ends a property, or before the bracket that ends its object; -1 within a line. */
function propertyEnd(text: string, mask: Uint8Array, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    if (mask[at] !== 1) continue;
    const char = text[at] ?? '';
    if (')]}'.includes(char)) depth -= 1;
    if ('([{'.includes(char)) depth += 1;
    const isOver = depth < 0 || (depth === 0 && char === ',');
    if (!isOver) continue;
    const end = depth < 0 ? text.slice(0, at).trimEnd().length : at + 1;
    return text.slice(end, lineEnd(text, end)).trim() === '' ? end : -1;
  }
  return -1;
}

/** The whole call statement that begins on `line` (1-based): for plain assertions. */
export function callStatementAt(text: string, line: number): Span | undefined {
  const mask = codeMask(text);
  const start =
    text
      .split('\n')
      .slice(0, line - 1)
      .join('\n').length + (line > 1 ? 1 : 0);
  const end = lineEnd(text, start);
  for (let at = start; at < end; at += 1) {
    if (mask[at] === 1 && text[at] === '(') return statementAround(text, mask, at);
  }
  return undefined;
}

function literalsAfterParen(text: string, mask: Uint8Array): { open: number; start: number; end: number }[] {
  const found: { open: number; start: number; end: number }[] = [];
  for (const match of text.matchAll(/\(\s*(["'`])/g)) {
    if (mask[match.index] !== 1) continue;
    const start = match.index + match[0].length - 1;
    const end = match[1] === '`' ? templateEnd(text, start) : stringEnd(text, start, match[1] ?? '"');
    found.push({ open: match.index, start, end });
  }
  return found;
}

/** The statement of the call whose `(` is at `open`: it must begin its line, save for `await`. */
function statementAround(text: string, mask: Uint8Array, open: number): Span | undefined {
  const lineStart = text.lastIndexOf('\n', open) + 1;
  if (!/^\s*(await\s+|void\s+)?[\w$.]+(<[^()]*>)?$/.test(text.slice(lineStart, open))) return undefined;
  let end = closeOf(text, mask, open);
  if (end < 0) return undefined;
  // Chained calls belong to the statement.
  for (
    let chain = /^\s*(?:\.\w+\s*)?\(/.exec(text.slice(end));
    chain;
    chain = /^\s*(?:\.\w+\s*)?\(/.exec(text.slice(end))
  ) {
    if (/\n/.test(chain[0]) && !chain[0].includes('.')) break;
    const next = closeOf(text, mask, end + chain[0].length - 1);
    if (next < 0) return undefined;
    end = next;
  }
  if (text[end] === ';' || text[end] === ',') end += 1;
  if (text.slice(end, lineEnd(text, end)).trim() !== '') return undefined;
  return { start: lineStart, end };
}

function unescapeText(raw: string): string {
  return raw
    .replace(/\\(['"`\\])/g, '$1')
    .replace(/\\n/g, '\n')
    .replace(/\\t/g, '\t')
    .replace(/\\u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

function endOf(text: string, closing: string, from: number): number {
  const end = text.indexOf(closing, from);
  return end < 0 ? text.length : end + closing.length;
}

function stringEnd(text: string, start: number, quote: string): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === quote || text[at] === '\n') return at + 1;
  }
  return text.length;
}

function templateEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text.slice(at, at + 2) === '${') depth += 1;
    else if (text[at] === '}' && depth > 0) depth -= 1;
    else if (text[at] === '`' && depth === 0) return at + 1;
  }
  return text.length;
}

function regexMayStart(text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - 40), at).trimEnd();
  if (before === '') return true;
  return /[(,=:[!&|?{};+\-*%~^<>]$/.test(before) || /\b(return|typeof|case|in|of|void|do|else)$/.test(before);
}

function regexEnd(text: string, start: number): number {
  let inClass = false;
  for (let at = start + 1; at < text.length; at += 1) {
    const char = text[at];
    if (char === '\n') return start + 1;
    if (char === '\\') at += 1;
    else if (char === '[') inClass = true;
    else if (char === ']') inClass = false;
    else if (char === '/' && !inClass) return at + 1;
  }
  return start + 1;
}
