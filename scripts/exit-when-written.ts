/**
 * Ends the process once all that was printed has left it: written to a pipe that is read slowly, the rest would be
 * lost (https://nodejs.org/api/process.html#processexitcode).
 */
export function exitWhenWritten(code: number): Promise<never> {
  return new Promise(() => {
    process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
  });
}
