import fc from 'fast-check';
import { expect, test } from 'vitest';
import { plainOfHtml, sizeOfHtml, splitHtml } from './split-html.ts';

/** Reads HTML as strictly as the Bot API: tags must nest, only known ones and entities are allowed. */
function readStrictly(html: string): string {
  const open: string[] = [];
  let text = '';
  for (const [token] of html.matchAll(/<[^>]*>|&[^;]*;|[\s\S]/gu)) {
    const [, slash, name] =
      /^<(\/?)(b|i|u|s|code|pre|blockquote|a)(?: [a-z]+="[^"<>]*")?>$/.exec(token) ?? [];
    if (name !== undefined && slash === '') open.push(name);
    else if (name !== undefined && open.pop() !== name) throw new Error(`${token} closes nothing`);
    else if (name === undefined && token.startsWith('&') && token.length > 1) text += plainOfHtml(token);
    else if (name === undefined && /^[<>&\ud800-\udfff]$/.test(token)) throw new Error(`bare ${token}`);
    else if (name === undefined) text += token;
  }
  if (open.length > 0) throw new Error(`${open.join()} stay open`);
  return text;
}

const word = fc.constantFrom(
  'error',
  'a',
  '&lt;',
  '&amp;',
  '&quot;',
  '&#128512;',
  '😀',
  '👨‍👩‍👧',
  'é',
  '日本',
);
const longWord = fc.integer({ min: 1, max: 300 }).map((length) => 'x'.repeat(length));
const blank = fc.constantFrom(' ', '\n', ' ', '  ');
const plain = fc
  .array(fc.tuple(fc.oneof({ weight: 6, arbitrary: word }, { weight: 1, arbitrary: longWord }), blank), {
    minLength: 1,
    maxLength: 25,
  })
  .map((pairs) => pairs.flat().join(''));

const tag = fc.constantFrom<[string, string]>(
  ['<b>', '</b>'],
  ['<i>', '</i>'],
  ['<pre>', '</pre>'],
  ['<pre><code class="language-ts">', '</code></pre>'],
  ['<blockquote>', '</blockquote>'],
  ['<a href="https://x.test/?a=1&amp;b=2">', '</a>'],
);
const { html } = fc.letrec<{ html: string; node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    plain,
    fc.tuple(tag, tie('html')).map(([[open, close], inside]) => open + inside + close),
  ),
  html: fc.array(tie('node'), { minLength: 1, maxLength: 5 }).map((nodes) => nodes.join('')),
}));

const visible = (text: string): string => text.replace(/\s+/g, '');

test('every part is valid HTML within the limit, and together they say what the whole said', () => {
  fc.assert(
    fc.property(html, fc.constantFrom(40, 150, 4_096), (whole, limit) => {
      const parts = splitHtml(whole, limit);
      for (const part of parts) {
        expect(readStrictly(part).length).toBe(sizeOfHtml(part));
        expect(sizeOfHtml(part)).toBeLessThanOrEqual(limit);
        expect(readStrictly(part).trim()).not.toBe('');
      }
      // Blanks alone make no message, so a part of nothing else is left out.
      expect(visible(parts.map(readStrictly).join(''))).toBe(visible(readStrictly(whole)));
    }),
    { numRuns: 300 },
  );
});

test('an emoji of several code points is not taken apart', () => {
  const parts = splitHtml('👨‍👩‍👧'.repeat(100), 43);
  expect(parts.every((part) => part.startsWith('👨') && part.endsWith('👧'))).toBe(true);
});

test('code keeps its indentation where a message ends', () => {
  const code = 'if (a) {\n  return b;\n}\n'.repeat(20);
  expect(splitHtml(`<pre>${code}</pre>`, 100).map(plainOfHtml).join('')).toBe(code);
});
