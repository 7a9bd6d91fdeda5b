import type { z } from 'zod';
import { fixResultSchema, taskReportSchema } from '../../../core/contracts/results.ts';
import type { RunRequest } from '../../../core/contracts/run.ts';

export type ReportState = 'open' | 'faulty_once' | 'closed';
export type ReportDecision =
  | { kind: 'accept'; value: unknown; text: string }
  /** Told what is wrong; may try once more. */
  | { kind: 'try_again'; text: string }
  /** Passed on as it is: the Worker puts it where a person sees it. */
  | { kind: 'pass_on'; value: unknown; text: string }
  | { kind: 'ignore'; text: string };

function faultsOf(error: z.ZodError): string {
  return error.issues
    .slice(0, 20)
    .map(({ path, message }) => `- ${path.join('.') || 'the report'}: ${message}`)
    .join('\n');
}

const SCHEMAS = { fix: fixResultSchema, report: taskReportSchema };

/** The tool is for one kind of result, so an agent that leaves the kind out has still said it. */
function withKind(kind: RunRequest['result'], input: unknown): unknown {
  return typeof input === 'object' && input !== null && !('kind' in input) ? { kind, ...input } : input;
}

/**
 * Holds a report to the contract: the first valid one stands; an invalid one is answered with its exact
 * faults once; a second invalid one ends the matter.
 */
export function decideReport(kind: RunRequest['result'], state: ReportState, input: unknown): ReportDecision {
  if (state === 'closed')
    return {
      kind: 'ignore',
      text: 'Your report was taken already; this one changes nothing. End your work now.',
    };
  const parsed = SCHEMAS[kind].safeParse(withKind(kind, input));
  if (parsed.success)
    return {
      kind: 'accept',
      value: parsed.data,
      text: 'The report was taken. Your work is done: end it now.',
    };
  const faults = faultsOf(parsed.error);
  if (state === 'open')
    return {
      kind: 'try_again',
      text: `The report does not fit the contract:\n${faults}\nMend exactly this and report once more.`,
    };
  return {
    kind: 'pass_on',
    value: input ?? null,
    text: `The report does not fit the contract again:\n${faults}\nIt goes to a person as it is. Do not report again; end your work now.`,
  };
}
