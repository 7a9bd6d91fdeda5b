/** Plays a DevOps engineer who is asked whether the code, the pipeline or the machine failed. */
import type { JsonObject } from '../wire/messages.ts';
import {
  type Category,
  codeSigns,
  configurationSigns,
  hardEnvironmentSigns,
  harmless,
  type Sign,
  softEnvironmentSigns,
} from './failure-signs.ts';
import { type LogLine, numberLines } from './log-lines.ts';
import type { Plan } from './plan.ts';
import type { JudgeTask } from './recognise-task.ts';

const linesPerLook = 300;

export function* judgeFailure(task: JudgeTask): Plan<JsonObject> {
  let lines = logLines(task);
  if (task.readLogTool !== undefined && !lines.some(speaks)) {
    const total = totalLines(task.prompt);
    const toLine = total ?? linesPerLook;
    const input = { fromLine: Math.max(1, toLine - linesPerLook + 1), toLine };
    const outcome = yield {
      name: task.readLogTool,
      input,
      say: 'The excerpt does not show the error; reading further.',
    };
    if (!outcome.isError) lines = [...lines, ...numberedFrom(outcome.text, input.fromLine)];
  }
  return judgement(task, lines);
}

/** The failed step's log first; any other fenced text that calls itself a log; else the prompt itself. */
function logLines(task: JudgeTask): LogLine[] {
  const logs = task.untrusted.filter((part) => /log|excerpt|output/i.test(part.source));
  const texts = (logs.length > 0 ? logs : task.untrusted).map((part) => part.text);
  return (texts.length > 0 ? texts : [task.prompt]).flatMap(numberLines);
}

function numberedFrom(text: string, fromLine: number): LogLine[] {
  const lines = numberLines(text);
  return lines[0]?.number === 1
    ? lines.map((line) => ({ ...line, number: line.number + fromLine - 1 }))
    : lines;
}

function totalLines(prompt: string): number | undefined {
  const match =
    /\b(?:of|has|total(?: of)?:?|all)\s+([\d,]+)\s+lines\b|\blines?[:=]\s*(?:\d+\s*[-–]\s*\d+\s+of\s+)?([\d,]+)|\bof\s+([\d,]+)\b(?=[^\n]*\blines?\b)/i.exec(
      prompt,
    );
  const digits = (match?.[1] ?? match?.[2] ?? match?.[3])?.replace(/,/g, '');
  return digits === undefined ? undefined : Number(digits);
}

type Finding = { category: Category; line: LogLine | undefined; cause: string; advice: string };

const environmentSigns = [...hardEnvironmentSigns, ...softEnvironmentSigns];

function speaks(line: LogLine): boolean {
  if (harmless.test(line.text)) return false;
  return (
    [...environmentSigns, ...configurationSigns].some((sign) => sign.pattern.test(line.text)) ||
    codeSigns.slice(0, -2).some((sign) => sign.test(line.text))
  );
}

export function diagnose(lines: readonly LogLine[], failingTests: readonly string[]): Finding {
  const told = lines.filter((line) => !harmless.test(line.text));
  const productFails = told.some((line) => codeSigns.slice(0, 2).some((sign) => sign.test(line.text)));
  const hard = firstSign(told, hardEnvironmentSigns);
  if (hard) return { category: 'environment', ...hard };
  const configuration = firstSign(told, configurationSigns);
  const soft = productFails ? undefined : firstSign(told, softEnvironmentSigns);
  if (soft && !(configuration && configuration.line.number < soft.line.number))
    return { category: 'environment', ...soft };
  if (configuration && !productFails && failingTests.length === 0)
    return { category: 'configuration', ...configuration };
  const line = codeSigns
    .map((sign) => told.find((candidate) => sign.test(candidate.text)))
    .find((found) => found !== undefined);
  const cause =
    failingTests.length > 0
      ? `the test "${failingTests[0]}" fails`
      : line
        ? `the step reports: ${line.text.trim()}`
        : 'the step failed and its log names no outside cause';
  return {
    category: 'code',
    line,
    cause,
    advice: 'Reproduce the failed command at this commit and look at what changed since the last green one.',
  };
}

function firstSign(
  lines: readonly LogLine[],
  signs: readonly Sign[],
): { line: LogLine; cause: string; advice: string } | undefined {
  for (const line of lines) {
    const sign = signs.find((candidate) => candidate.pattern.test(line.text));
    if (sign) return { line, cause: sign.cause, advice: sign.advice };
  }
  return undefined;
}

function judgement(task: JudgeTask, lines: readonly LogLine[]): JsonObject {
  const found = diagnose(lines, task.facts.failingTests);
  const step = task.facts.failedStep ?? 'failed';
  const quoted = found.line?.text.trim().slice(0, 300) ?? 'no line of the log names a cause';
  return {
    kind: 'judgement',
    category: found.category,
    advice: found.advice,
    finding: `In step "${step}", ${found.cause}.`,
    reasoning: `${reasonFor(found.category)} The deciding line is: ${quoted}`,
    rootCause: `${found.cause.charAt(0).toUpperCase()}${found.cause.slice(1)}`.slice(0, 280).concat('.'),
    confidence: found.line ? 0.88 : 0.55,
    alternatives: alternativesTo(found.category, lines),
    evidence: evidenceFor(found, lines),
  };
}

function reasonFor(category: Category): string {
  if (category === 'environment')
    return 'The step did not fail on the code: the machine or a service it depends on gave out.';
  if (category === 'configuration')
    return 'The step could not do its work as configured; the code was not judged by it.';
  return 'The machine and its services answered, the tools ran, and what they report is about the code.';
}

function alternativesTo(category: Category, lines: readonly LogLine[]): JsonObject[] {
  const rejected: Record<Category, string> = {
    code: 'No assertion, type or lint error stands before the deciding line.',
    configuration: 'The commands and variables of the step were found.',
    environment: `None of the ${lines.length} lines read speaks of disk, memory, network, registry or credentials failing.`,
  };
  const others: Category[] = (['code', 'configuration', 'environment'] as const).filter(
    (other) => other !== category,
  );
  return others.map((other) => ({
    hypothesis: `It is a fault of the ${other}`,
    rejectedBecause: rejected[other],
  }));
}

const maxEvidence = 4;

function evidenceFor(found: Finding, lines: readonly LogLine[]): JsonObject[] {
  const main = found.line;
  if (!main) {
    const last = [...lines].reverse().find((line) => line.text.trim() !== '');
    return [
      { claim: last?.text.trim().slice(0, 300) || 'The log is empty', source: `log:${last?.number ?? 1}` },
    ];
  }
  const near = lines.filter(
    (line) => line.number > main.number && line.number <= main.number + 8 && speaks(line),
  );
  return [main, ...near]
    .slice(0, maxEvidence)
    .map((line) => ({ claim: line.text.trim().slice(0, 300), source: `log:${line.number}` }));
}
