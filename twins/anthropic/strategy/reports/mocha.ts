import type { FailingTest } from './failing-test.ts';

/** Mocha (and Jasmine): after "N failing", `1) suite`, deeper titles on lines of their own, the last ending in a colon. */
export function readMocha(lines: readonly string[]): FailingTest[] {
  const start = lines.findIndex((line) => /^\s*\d+ failing\b|^Failures:/.test(line));
  if (start < 0) return [];
  const found: FailingTest[] = [];
  for (let at = start + 1; at < lines.length; at += 1) {
    const first = /^\s*\d+\) (.+)$/.exec(lines[at] ?? '');
    if (!first) continue;
    const path = [(first[1] ?? '').trim()];
    let next = at + 1;
    while (
      !path.at(-1)?.endsWith(':') &&
      next < at + 8 &&
      (lines[next] ?? '').trim() !== '' &&
      !/^\s+(Message|Stack):/.test(lines[next] ?? '')
    ) {
      path.push((lines[next] ?? '').trim());
      next += 1;
    }
    const last = path.length - 1;
    path[last] = (path[last] ?? '').replace(/:$/, '');
    const body = untilNext(lines, next);
    const place = body
      .map((line) => /at .*?\(?((?:file:\/\/)?[^\s()]+\.[cm]?[jt]sx?):(\d+):\d+\)?$/.exec(line))
      .find((hit) => hit && !/node_modules|node:/.test(hit[1] ?? ''));
    found.push({
      path,
      file: place?.[1],
      line: place ? Number(place[2]) : undefined,
      message:
        body.map((line) => line.trim()).find((line) => line !== '' && !/^(Message|Stack):/.test(line)) ?? '',
    });
  }
  return found;
}

function untilNext(lines: readonly string[], from: number): string[] {
  const rest = lines.slice(from, from + 60);
  const end = rest.findIndex((line) => /^\s*\d+\) /.test(line));
  return end < 0 ? rest : rest.slice(0, end);
}
