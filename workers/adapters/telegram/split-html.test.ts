import { describe, expect, it } from 'vitest';
import { plainOfHtml, sizeOfHtml, splitHtml } from './split-html.ts';

describe('splitting a long message', () => {
  it('leaves a message alone that fits, tags and entities not counted', () => {
    const html = `<b>${'&lt;'.repeat(20)}</b>`;
    expect(splitHtml(html, 20)).toEqual([html]);
    expect(sizeOfHtml(html)).toBe(20);
  });

  it('closes tags at the cut and opens them again, each part within the limit', () => {
    const parts = splitHtml(`<b>one <i>${'word '.repeat(30)}</i></b> end`, 40);
    expect(parts.length).toBeGreaterThan(3);
    for (const part of parts) {
      expect(sizeOfHtml(part)).toBeLessThanOrEqual(40);
      expect(part.match(/<b>/g)?.length ?? 0).toBe(part.match(/<\/b>/g)?.length ?? 0);
      expect(part.match(/<i>/g)?.length ?? 0).toBe(part.match(/<\/i>/g)?.length ?? 0);
    }
    expect(plainOfHtml(parts.join(' ')).replace(/\s+/g, ' ').trim()).toBe(`one ${'word '.repeat(30)}end`);
  });

  it('prefers line ends, and cuts a text without any', () => {
    expect(splitHtml('first line\nsecond line', 15)).toEqual(['first line\n', 'second line']);
    expect(splitHtml('x'.repeat(25), 10)).toEqual(['x'.repeat(10), 'x'.repeat(10), 'x'.repeat(5)]);
  });

  it('never cuts an entity, a link or a character of two halves', () => {
    const parts = splitHtml(`<a href="https://x.test/?a=1&amp;b=2">${'&amp;😀'.repeat(10)}</a>`, 7);
    for (const part of parts) {
      expect(part).toMatch(/^<a href="https:\/\/x\.test\/\?a=1&amp;b=2">(?:&amp;|😀)+<\/a>$/u);
    }
  });

  it('gives no empty messages', () => {
    expect(splitHtml('', 10)).toEqual([]);
    expect(splitHtml('<b></b>\n', 10)).toEqual([]);
  });
});
