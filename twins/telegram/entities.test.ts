import { describe, expect, it } from 'vitest';
import { type MessageEntity, parseText } from './entities.ts';

function parsed(text: string, mode: string): { text: string; entities: MessageEntity[] } {
  const outcome = parseText(text, mode);
  if (!outcome.ok) throw new Error(outcome.message);
  return { text: outcome.text, entities: outcome.entities };
}

function refused(text: string, mode: string): string {
  const outcome = parseText(text, mode);
  if (outcome.ok) throw new Error(`parsed as ${outcome.text}`);
  return outcome.message;
}

describe('HTML', () => {
  it('gives text and entities', () => {
    expect(parsed('<b>Red</b> &lt;main&gt; <a href="http://x/">log</a>', 'HTML')).toEqual({
      text: 'Red <main> log',
      entities: [
        { type: 'bold', offset: 0, length: 3 },
        { type: 'text_link', offset: 11, length: 3, url: 'http://x/' },
      ],
    });
  });

  it('nests, keeps a language, trims white space and leaves a lone ampersand', () => {
    expect(parsed('  <b>a<i>b</i></b><pre><code class="language-ts">c</code></pre> & d\n', 'HTML')).toEqual({
      text: 'abc & d',
      entities: [
        { type: 'bold', offset: 0, length: 2 },
        { type: 'italic', offset: 1, length: 1 },
        { type: 'code', offset: 2, length: 1, language: 'ts' },
        { type: 'pre', offset: 2, length: 1 },
      ],
    });
  });

  it.each([
    ['<b>open', 'Can\'t find end tag corresponding to start tag "b"'],
    ['a</b>', 'Unexpected end tag at byte offset 1'],
    ['<b>x</i>', 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'],
    ['ä <div>', 'Unsupported start tag "div" at byte offset 3'],
    ['1 < 2', 'Unclosed start tag at byte offset 2'],
  ])('refuses %s', (text, message) => {
    expect(refused(text, 'HTML')).toBe(message);
  });
});

describe('MarkdownV2', () => {
  it('gives text and entities', () => {
    expect(parsed('*bold* _it_ __un__ `a\\`b` [log](http://x/\\)) 1\\.0', 'MarkdownV2')).toEqual({
      text: 'bold it un a`b log 1.0',
      entities: [
        { type: 'bold', offset: 0, length: 4 },
        { type: 'italic', offset: 5, length: 2 },
        { type: 'underline', offset: 8, length: 2 },
        { type: 'code', offset: 11, length: 3 },
        { type: 'text_link', offset: 15, length: 3, url: 'http://x/)' },
      ],
    });
  });

  it('keeps a code block as it is, its language apart', () => {
    expect(parsed('```ts\nlet a = {};\n```', 'MarkdownV2')).toEqual({
      text: 'let a = {};',
      entities: [{ type: 'pre', offset: 0, length: 11, language: 'ts' }],
    });
  });

  it.each([
    ['1.0', "Character '.' is reserved and must be escaped with the preceding '\\'"],
    ['*open', "Can't find end of Bold entity at byte offset 0"],
    ['a `b', "Can't find end of Code entity at byte offset 2"],
  ])('refuses %s', (text, message) => {
    expect(refused(text, 'MarkdownV2')).toBe(message);
  });
});
