import type { FailingTest } from './failing-test.ts';

/** Vitest: ` FAIL  file > suite > test`, the message below, then `❯ file:line:col`. */
export function readVitest(lines: readonly string[]): FailingTest[] {
  const found: FailingTest[] = [];
  lines.forEach((line, index) => {
    const match = /^\s*FAIL\s+(?:\|[^|]+\|\s+)?(\S+\.[cm]?[jt]sx?)(?:\s+\[.*\]\s*|\s+>\s+(.*))$/.exec(line);
    if (!match) return;
    const rest = blockAfter(lines, index);
    const file = match[1] ?? '';
    const place = rest
      .map((text) => /❯\s+(?:\S+\s+)?([^\s:]+\.[cm]?[jt]sx?):(\d+):\d+/.exec(text))
      .find((hit) => hit?.[1] === file);
    found.push({
      path: match[2] ? match[2].split(' > ') : [file],
      file,
      line: place ? Number(place[2]) : undefined,
      message: rest.find((text) => /\w*(Error|expected)\b/i.test(text))?.trim() ?? '',
    });
  });
  return found;
}

/** Jest: `FAIL file`, then `● suite › test` with the message and `at … (file:line:col)`. */
export function readJest(lines: readonly string[]): FailingTest[] {
  const found: FailingTest[] = [];
  let file: string | undefined;
  lines.forEach((line, index) => {
    const failed = /^\s*(FAIL|PASS)\s+(?:\S+:\s+)?(\S+\.[cm]?[jt]sx?)/.exec(line);
    if (failed) file = failed[1] === 'FAIL' ? failed[2] : undefined;
    const title = /^\s*● (.+)$/.exec(line)?.[1];
    if (!title || /^Console$|^Cannot log/.test(title)) return;
    const rest = blockAfter(lines, index);
    const isSuite = /Test suite failed to run/.test(title);
    const place = rest
      .map((text) => /at .*?\(?([^\s()]+\.[cm]?[jt]sx?):(\d+):\d+\)?/.exec(text))
      .find((hit) => hit && (file === undefined || hit[1]?.endsWith(file)));
    found.push({
      path: isSuite ? [file ?? title] : title.split(' › '),
      file,
      line: place ? Number(place[2]) : undefined,
      message: rest
        .filter((text) => text.trim() !== '')
        .slice(0, 1)
        .join('')
        .trim(),
    });
  });
  return found.filter(
    (test, index) =>
      found.findIndex((other) => other.path.join() === test.path.join() && other.file === test.file) ===
      index,
  );
}

function blockAfter(lines: readonly string[], index: number): string[] {
  const rest = lines.slice(index + 1, index + 60);
  const end = rest.findIndex((line) => /^\s*(FAIL\s|● |⎯⎯⎯⎯.*\[\d+\/\d+\])/.test(line));
  return end < 0 ? rest : rest.slice(0, end);
}
