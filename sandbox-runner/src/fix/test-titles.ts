/** `test('…'`, `it.only('…'`, and the call after a table: `test.each([…])('…'`. */
const TITLE =
  /(?:\b(?:test|it)(?:\.\w+)*\s*\(|\]\s*\)\s*\()\s*(?:'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)"|`((?:\\.|[^`\\])*)`)/g;
/** Where a title stops being literal: `${…}`, `%s`, `$name`. */
const HOLE = /\$\{|%[sdifjoOp#]|\$[a-z]/;

/** Titles of tests in JavaScript or TypeScript source; what is filled in at run time is cut off. */
export function testTitles(source: string): string[] {
  const titles = [...source.matchAll(TITLE)].map(([, single, double, template]) => {
    const text = (single ?? double ?? template ?? '').split(HOLE)[0] ?? '';
    return text.replace(/\\(.)/g, '$1').trim();
  });
  return [...new Set(titles.filter((title) => title !== ''))];
}

/** Names in reports carry their suites (`suite > title`), so a title counts where it appears within. */
export function isAmong(title: string, reported: readonly string[]): boolean {
  const plain = (text: string) => text.replace(/\s+/g, ' ').trim().toLowerCase();
  return reported.some((name) => plain(name).includes(plain(title)));
}
