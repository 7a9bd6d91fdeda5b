import { findFailures } from '../evidence/failing-tests.ts';

const TEST_COMMAND =
  /\b(?:(?:npm|yarn|pnpm|bun)\s+(?:run\s+)?t(?:est)?\b|node\s+(?:\S+\s+)*--test|vitest|jest|mocha|ava|pytest|unittest|tox|rspec|phpunit|ctest|(?:go|cargo|dotnet|mvn|gradle|gradlew|make|mix|swift|deno|bazel)\s+(?:\S+\s+)*(?:test|check|verify)\b)/;

export const isTestCommand = (command: string, failedCommand: string | null): boolean =>
  TEST_COMMAND.test(command) || (failedCommand !== null && command.includes(failedCommand));

/** What came of a test command, as a short text that is equal for equal outcomes. */
export function testOutcome(output: string, succeeded: boolean): string {
  const names = findFailures(output).failingTests.map(({ name }) => name);
  return `${succeeded ? 'green' : 'red'} ${[...new Set(names)].sort().join('; ')}`.trim();
}
