/**
 * Telegram's two markup languages, parsed as the Bot API does: text and entities out, or the words of its refusal.
 * Offsets and lengths count UTF-16 units, as JavaScript strings do. Pure.
 */

export type MessageEntity = {
  type: string;
  offset: number;
  length: number;
  url?: string;
  language?: string;
};

export type ParseOutcome =
  | { ok: true; text: string; entities: MessageEntity[] }
  | { ok: false; code: 'unparsable'; message: string };

export function parseText(text: string, parseMode: string | undefined): ParseOutcome {
  if (parseMode === undefined || parseMode === '') return trimmed(text, []);
  if (/^html$/i.test(parseMode)) return parseHtml(text);
  if (/^markdownv2$/i.test(parseMode)) return parseMarkdownV2(text);
  return { ok: false, code: 'unparsable', message: 'unsupported parse_mode' };
}

/** The service trims white space at both ends and moves the entities along. */
function trimmed(text: string, entities: MessageEntity[]): ParseOutcome {
  const result = text.trim();
  const cut = text.length - text.trimStart().length;
  return {
    ok: true,
    text: result,
    entities: entities
      .map((entity) => {
        const start = Math.max(0, entity.offset - cut);
        const end = Math.min(result.length, entity.offset - cut + entity.length);
        return { ...entity, offset: start, length: end - start };
      })
      .filter((entity) => entity.length > 0)
      .toSorted((a, b) => a.offset - b.offset || b.length - a.length),
  };
}

const tagTypes: Record<string, string> = {
  b: 'bold',
  strong: 'bold',
  i: 'italic',
  em: 'italic',
  u: 'underline',
  ins: 'underline',
  s: 'strikethrough',
  strike: 'strikethrough',
  del: 'strikethrough',
  code: 'code',
  pre: 'pre',
  a: 'text_link',
  blockquote: 'blockquote',
  'tg-spoiler': 'spoiler',
  span: 'spoiler',
  'tg-emoji': 'custom_emoji',
};

const namedCharacters: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"' };

type OpenTag = { name: string; entity: MessageEntity };

function parseHtml(source: string): ParseOutcome {
  const open: OpenTag[] = [];
  const entities: MessageEntity[] = [];
  let text = '';
  let at = 0;
  while (at < source.length) {
    const rest = source.slice(at);
    const character = source[at];
    if (character === '&') {
      const match = /^&(?:#(\d+)|#x([0-9a-f]+)|([a-z]+));/i.exec(rest);
      const decoded = match ? decodeCharacter(match[1], match[2], match[3]) : undefined;
      text += decoded ?? '&';
      at += match && decoded !== undefined ? match[0].length : 1;
    } else if (character === '<') {
      const match =
        /^<(\/?)([a-z][a-z0-9-]*)((?:\s+[a-z-]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]+))?)*)\s*>/i.exec(rest);
      if (!match) return badHtml(rest, byteOffset(source, at));
      const name = (match[2] ?? '').toLowerCase();
      const type = tagTypes[name];
      if (type === undefined) {
        return refuse(`Unsupported start tag "${name}" at byte offset ${byteOffset(source, at)}`);
      }
      if (match[1] === '/') {
        const last = open.pop();
        if (!last) return refuse(`Unexpected end tag at byte offset ${byteOffset(source, at)}`);
        if (last.name !== name) {
          return refuse(
            `Unmatched end tag at byte offset ${byteOffset(source, at)}, expected "</${last.name}>", found "</${name}>"`,
          );
        }
        last.entity.length = text.length - last.entity.offset;
        if (keeps(last.entity)) entities.push(last.entity);
      } else {
        open.push({ name, entity: openEntity(type, match[3] ?? '', text.length) });
      }
      at += match[0].length;
    } else {
      text += character;
      at += 1;
    }
  }
  const unclosed = open.at(-1);
  if (unclosed) return refuse(`Can't find end tag corresponding to start tag "${unclosed.name}"`);
  return trimmed(text, entities);
}

function badHtml(rest: string, offset: number): ParseOutcome {
  const name = /^<\/?([^\s>]*)/.exec(rest)?.[1] ?? '';
  return rest.includes('>')
    ? refuse(`Unsupported start tag "${name}" at byte offset ${offset}`)
    : refuse(`Unclosed start tag at byte offset ${offset}`);
}

function keeps(entity: MessageEntity): boolean {
  return entity.length > 0 && (entity.type !== 'text_link' || entity.url !== undefined);
}

function openEntity(type: string, attributes: string, offset: number): MessageEntity {
  const href = /\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|(\S+))/i.exec(attributes);
  const language = /\sclass\s*=\s*"language-([^"]*)"/i.exec(attributes)?.[1];
  const url = href?.[1] ?? href?.[2] ?? href?.[3];
  return {
    type,
    offset,
    length: 0,
    ...(type === 'text_link' && url ? { url } : {}),
    ...(language === undefined ? {} : { language }),
  };
}

function decodeCharacter(
  decimal: string | undefined,
  hex: string | undefined,
  name: string | undefined,
): string | undefined {
  if (name !== undefined) return namedCharacters[name.toLowerCase()];
  const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number.parseInt(decimal, 10);
  return code > 0 && code < 0x110000 ? String.fromCodePoint(code) : undefined;
}

const markdownMarks = ['||', '__', '*', '_', '~'] as const;
const markTypes: Record<string, string> = {
  '*': 'bold',
  _: 'italic',
  __: 'underline',
  '~': 'strikethrough',
  '||': 'spoiler',
};
const reserved = '_*[]()~`>#+-=|{}.!';

function parseMarkdownV2(source: string): ParseOutcome {
  const open: { mark: string; offset: number; at: number }[] = [];
  const entities: MessageEntity[] = [];
  let text = '';
  let at = 0;
  while (at < source.length) {
    const rest = source.slice(at);
    const character = source[at] ?? '';
    if (character === '\\' && rest.length > 1 && rest.charCodeAt(1) < 127) {
      text += rest[1];
      at += 2;
      continue;
    }
    if (character === '`') {
      const block = rest.startsWith('```');
      const close = findUnescaped(rest, block ? '```' : '`', block ? 3 : 1);
      if (close === -1) return cantFindEnd(block ? 'Pre' : 'Code', source, at);
      const body = rest.slice(block ? 3 : 1, close);
      const language = block ? /^([^\s`]+)\n/.exec(body)?.[1] : undefined;
      const raw = language === undefined ? body.replace(/^\n/, '') : body.slice(language.length + 1);
      const content = withoutBackslashes(block ? raw : body);
      if (content !== '') {
        entities.push({
          type: block ? 'pre' : 'code',
          offset: text.length,
          length: content.length,
          ...(language === undefined ? {} : { language }),
        });
      }
      text += content;
      at += close + (block ? 3 : 1);
      continue;
    }
    if (character === '[') {
      open.push({ mark: '[', offset: text.length, at });
      at += 1;
      continue;
    }
    if (character === ']' && open.at(-1)?.mark === '[') {
      const start = open.pop();
      const link = /^\]\(((?:[^()\\]|\\.)*)\)/.exec(rest);
      const url = withoutBackslashes(link?.[1] ?? '');
      const offset = start?.offset ?? 0;
      if (url !== '' && text.length > offset) {
        entities.push({ type: 'text_link', offset, length: text.length - offset, url });
      }
      at += link ? link[0].length : 1;
      continue;
    }
    if (character === '>' && (text === '' || text.endsWith('\n'))) {
      at += 1;
      continue;
    }
    const mark = markdownMarks.find((one) => rest.startsWith(one));
    if (mark) {
      const index = open.findLastIndex((one) => one.mark === mark);
      if (index !== -1 && index === open.length - 1) {
        const start = open.pop();
        const offset = start?.offset ?? 0;
        if (text.length > offset) {
          entities.push({ type: markTypes[mark] ?? 'bold', offset, length: text.length - offset });
        }
      } else {
        open.push({ mark, offset: text.length, at });
      }
      at += mark.length;
      continue;
    }
    if (reserved.includes(character)) {
      return refuse(`Character '${character}' is reserved and must be escaped with the preceding '\\'`);
    }
    text += character;
    at += 1;
  }
  const unclosed = open.at(-1);
  if (!unclosed) return trimmed(text, entities);
  const name = unclosed.mark === '[' ? 'TextUrl' : capitalised(markTypes[unclosed.mark] ?? '');
  return cantFindEnd(name, source, unclosed.at);
}

function findUnescaped(text: string, mark: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text.startsWith(mark, at)) return at;
  }
  return -1;
}

function withoutBackslashes(text: string): string {
  return text.replace(/\\([ -~])/g, '$1');
}

function cantFindEnd(name: string, source: string, at: number): ParseOutcome {
  return refuse(`Can't find end of ${name} entity at byte offset ${byteOffset(source, at)}`);
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function byteOffset(source: string, at: number): number {
  return Buffer.byteLength(source.slice(0, at));
}

function refuse(message: string): ParseOutcome {
  return { ok: false, code: 'unparsable', message };
}
