/** One failing test as a runner's output names it. `path` is the title chain, outermost first; the last is the test. */
export type FailingTest = {
  path: string[];
  /** As printed: absolute or relative to where the command ran. */
  file: string | undefined;
  line: number | undefined;
  message: string;
};

export type ReportReader = (lines: readonly string[]) => FailingTest[];
