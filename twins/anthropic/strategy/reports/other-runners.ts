import type { FailingTest } from './failing-test.ts';

/** AVA: `✘ [fail]: title message`, with the block `title` and `file:line` further down. */
export function readAva(lines: readonly string[]): FailingTest[] {
  return lines.flatMap((line, index) => {
    const title = /^\s*[✘✖] \[fail\]: (.*)$/.exec(line)?.[1];
    if (title === undefined) return [];
    const parts = title.split(' › ');
    const leaf = (parts.at(-1) ?? title).trim();
    const place = lines
      .slice(index)
      .map((text) => /^\s*(\S+\.[cm]?[jt]sx?):(\d+)$/.exec(text))
      .find(Boolean);
    return [{ path: [leaf], file: place?.[1], line: place ? Number(place[2]) : undefined, message: leaf }];
  });
}

/** uvu: `FAIL  "title"`, message below, and `at … (file:line:col)`. */
export function readUvu(lines: readonly string[]): FailingTest[] {
  return lines.flatMap((line, index) => {
    const title = /^\s*FAIL\s+(?:.+?\s+)?"(.+)"$/.exec(line)?.[1];
    if (title === undefined) return [];
    const rest = lines.slice(index + 1, index + 40);
    const place = rest
      .map((text) => /at .*?\(?((?:file:\/\/)?[^\s()]+\.[cm]?[jt]sx?):(\d+):\d+\)?/.exec(text))
      .find((hit) => hit && !/node_modules/.test(hit[1] ?? ''));
    return [
      {
        path: [title],
        file: place?.[1],
        line: place ? Number(place[2]) : undefined,
        message: rest.find((text) => text.trim() !== '')?.trim() ?? '',
      },
    ];
  });
}

/** A hand-written runner's lines: `FAIL title`, `✗ title`, `not ok title`, `✘ title: message`. */
export function readHandWritten(lines: readonly string[]): FailingTest[] {
  return lines.flatMap((line) => {
    const match = /^\s*(?:✗|✘|✕|×|❌|\[?(?:FAIL|FAILED)\]?:?|not ok:?)\s+[-–:]?\s*(.+)$/.exec(line);
    const title = match?.[1]?.replace(/ \([\d.]+ ?m?s\)$/, '').trim();
    if (!title || /^\d+( of \d+)? (tests?|checks?|failed)|^failing tests/i.test(title)) return [];
    const cut = /^(.{3,}?)(?:: | — | - )(.+)$/.exec(title);
    return [{ path: [title], file: undefined, line: undefined, message: cut?.[2] ?? title }];
  });
}
