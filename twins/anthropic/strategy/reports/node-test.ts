import type { FailingTest } from './failing-test.ts';

/** `node:test`, spec reporter: the section after "failing tests:", where each leaf follows a `test at file:line:col`. */
export function readNodeSpec(lines: readonly string[]): FailingTest[] {
  const start = lines.findIndex((line) => /^✖ failing tests:/.test(line.trim()));
  if (start < 0) return [];
  const found: FailingTest[] = [];
  for (let at = start + 1; at < lines.length; at += 1) {
    const place = /^test at (.+?):(\d+):\d+$/.exec(lines[at]?.trim() ?? '');
    const name = /^✖ (.*?)(?: \([\d.]+m?s\))?$/.exec(lines[at + 1]?.trim() ?? '');
    if (!place || !name) continue;
    const body = lines.slice(at + 2, at + 12);
    found.push({
      path: [name[1] ?? ''],
      file: place[1],
      line: Number(place[2]),
      message: firstMessage(body),
    });
  }
  return found;
}

/** `node:test` or any TAP: `not ok` lines whose YAML block does not say that only subtests failed. */
export function readTap(lines: readonly string[]): FailingTest[] {
  const found: FailingTest[] = [];
  let heading = '';
  lines.forEach((line, index) => {
    heading = /^# (?!Subtest|tests|pass|fail)(\S.*)$/.exec(line)?.[1] ?? heading;
    const match = /^\s*not ok \d+ (?:- )?(.*?)(?: # time=.*)?$/.exec(line);
    if (!match || /# (todo|skip)/i.test(match[1] ?? '')) return;
    const block = yamlBlock(lines, index + 1);
    if (/failureType: '?subtestsFailed/.test(block)) return;
    const place = /(?:location|at): .*?((?:file:\/\/)?[^\s'"(]+\.[cm]?[jt]sx?):(\d+)/.exec(block);
    const message = /error: (?:\|-\s*)?['"]?(.*?)['"]?$/m.exec(block)?.[1] ?? '';
    const isNodeTest = /duration_ms:/.test(block);
    found.push({
      path: isNodeTest || heading === '' ? [match[1] ?? ''] : [heading, match[1] ?? ''],
      file: place?.[1],
      line: place ? Number(place[2]) : undefined,
      message: message.trim(),
    });
  });
  return found;
}

function yamlBlock(lines: readonly string[], from: number): string {
  if (!/^\s*---/.test(lines[from] ?? '')) return '';
  const end = lines.findIndex((line, index) => index > from && /^\s*\.\.\.\s*$/.test(line));
  return lines.slice(from + 1, end < 0 ? from + 60 : end).join('\n');
}

function firstMessage(lines: readonly string[]): string {
  const text = lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('at '));
  // A file that could not even be loaded has no message of its own.
  const head = (text[0] ?? '').replace(/^'test failed'$/, '');
  // "Expected values to be strictly equal:" is followed by the values themselves.
  return head.endsWith(':') && text[1] !== undefined ? `${head} ${text[1]}` : head;
}
