/**
 * Texts that stay the same when the same thing fails again, for counting failures of one step and for telling
 * whether a new failure is the old one. They are compared and hashed, not shown.
 */

/** The same step of the pipeline, whatever its attempt: `stage › job › task` in lower case. */
export function stepKey(path: readonly string[]): string {
  return path.map(normalName).join(' › ');
}

/** The same failure: the step with its failing tests or, where none is known, its first error. */
export function failureKey(failure: {
  path: readonly string[];
  failingTests: readonly string[];
  firstError: string | null;
}): string {
  const what =
    failure.failingTests.length > 0
      ? [...new Set(failure.failingTests.map(normalName))].sort().join('\n')
      : normalError(failure.firstError ?? 'no error recognised');
  return `${stepKey(failure.path)}\n${what}`;
}

function normalName(name: string): string {
  return name
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/ \(\d+(?:\.\d+)? ?m?s\)$/, '')
    .toLowerCase();
}

/** An error without what differs from run to run: times, durations, addresses, ids, folders, numbers. */
export function normalError(text: string): string {
  return text
    .slice(0, 1_000)
    .replace(/\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?/g, '<time>')
    .replace(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, '<id>')
    .replace(/(?:[A-Za-z]:)?[\\/](?:[^\s\\/:'"()]{1,200}[\\/]){1,40}/g, '<dir>/')
    .replace(/\b0x[0-9a-f]+\b/gi, '<hex>')
    .replace(/\b(?=[0-9a-f]*\d)[0-9a-f]{7,64}\b/gi, '<hex>')
    .replace(/\b\d+(?:\.\d+)? ?(?:ms|s|sec|seconds|min|minutes|m|h)\b/g, '<duration>')
    .replace(/\d+/g, '<n>')
    .replace(/\s+/g, ' ')
    .trim()
    .toLowerCase();
}
