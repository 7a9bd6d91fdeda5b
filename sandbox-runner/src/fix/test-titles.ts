const TITLE =
  /\b(?:test|it)(?:\.\w+)*\s*\(\s*(?:'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)"|`((?:\\.|[^`\\])*)`)/g;

/** Titles of tests in JavaScript or TypeScript source; templates are cut at their first hole. */
export function testTitles(source: string): string[] {
  const titles = [...source.matchAll(TITLE)].map(([, single, double, template]) => {
    const text = single ?? double ?? template?.split('${')[0] ?? '';
    return text.replace(/\\(.)/g, '$1').trim();
  });
  return [...new Set(titles.filter((title) => title !== ''))];
}

/** Names in reports carry their suites (`suite > title`), so a title counts where it appears within. */
export function isAmong(title: string, reported: readonly string[]): boolean {
  const plain = (text: string) => text.replace(/\s+/g, ' ').trim().toLowerCase();
  return reported.some((name) => plain(name).includes(plain(title)));
}
