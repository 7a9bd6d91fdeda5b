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
import { type Gap, type LogLine, numberLines, readGap } from './log-lines.ts';
import type { Plan } from './plan.ts';
import { type JudgeTask, parseUntrusted } from './recognise-task.ts';

/** What one look may ask for; a reader may give less. */
const linesPerLook = 300;

export function* judgeFailure(task: JudgeTask): Plan<JsonObject> {
  let lines = logLines(task);
  const missing = task.readLogTool !== undefined && !lines.some(speaks) ? unseenLines(task) : undefined;
  if (task.readLogTool !== undefined && missing) {
    const outcome = yield {
      name: task.readLogTool,
      input: { ...missing },
      say: 'The excerpt does not show the error; reading further.',
    };
    if (!outcome.isError) lines = [...lines, ...readLines(outcome.text, missing.fromLine)];
  }
  if (!lines.some(speaks)) lines = [...lines, ...issueLines(task)];
  return judgement(task, lines);
}

/** The failed step's log; where nothing calls itself a log, all fenced text, else the prompt itself. */
function logLines(task: JudgeTask): Line[] {
  const logs = task.untrusted.filter((part) => /log|excerpt|output/i.test(part.source));
  const texts = (logs.length > 0 ? logs : task.untrusted).map((part) => part.text);
  return (texts.length > 0 ? texts : [task.prompt]).flatMap(numberLines);
}

/** What the build system itself said; all there is when an agent was lost before it could send a log. */
function issueLines(task: JudgeTask): Line[] {
  const issues = task.untrusted.filter((part) => part.source === 'issues');
  return issues.flatMap((part) => numberLines(part.text)).map((line) => ({ ...line, origin: 'issues' }));
}

function readLines(text: string, fromLine: number): Line[] {
  const fenced = parseUntrusted(text)[0]?.text ?? text;
  const lines = numberLines(fenced);
  return lines[0]?.number === 1 && fromLine > 1
    ? lines.map((line) => ({ ...line, number: line.number + fromLine - 1 }))
    : lines;
}

/** The end of the last stretch that the excerpt leaves out, or of the whole log when only its length is told. */
function unseenLines(task: JudgeTask): Gap {
  const gaps = task.untrusted.flatMap((part) => part.text.split('\n')).flatMap((line) => readGap(line) ?? []);
  const last = gaps.at(-1);
  const told = /\b(?:of|has)\s+(\d+)\s+lines\b/i.exec(task.prompt)?.[1];
  const toLine = last?.toLine ?? (told === undefined ? linesPerLook : Number(told));
  return { fromLine: Math.max(last?.fromLine ?? 1, toLine - linesPerLook + 1), toLine };
}

/** `origin` is what evidence calls the text: the log unless told otherwise. */
type Line = LogLine & { origin?: string };

type Finding = { category: Category; line: Line | undefined; cause: string; advice: string };

const environmentSigns = [...hardEnvironmentSigns, ...softEnvironmentSigns];

function speaks(line: Line): boolean {
  if (harmless.test(line.text)) return false;
  return (
    [...environmentSigns, ...configurationSigns].some((sign) => sign.pattern.test(line.text)) ||
    codeSigns.slice(0, -2).some((sign) => sign.test(line.text))
  );
}

export function diagnose(lines: readonly Line[], failingTests: readonly string[]): Finding {
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

/** When the developer could not make it fail and the log names no cause outside, what differs is where it ran. */
function afterHandBack(task: JudgeTask, found: Finding): Finding {
  if (found.category !== 'code' || !task.untrusted.some((part) => part.source === 'cody')) return found;
  return {
    ...found,
    category: 'environment',
    cause: 'the failure shows on the build agent only; the developer could not reproduce it',
    advice: 'Compare the build agent with the container in which the command passes.',
  };
}

function firstSign(
  lines: readonly Line[],
  signs: readonly Sign[],
): { line: Line; cause: string; advice: string } | undefined {
  for (const line of lines) {
    const sign = signs.find((candidate) => candidate.pattern.test(line.text));
    if (sign) return { line, cause: sign.cause, advice: sign.advice };
  }
  return undefined;
}

function judgement(task: JudgeTask, lines: readonly Line[]): JsonObject {
  const found = afterHandBack(task, diagnose(lines, task.facts.failingTests));
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

function alternativesTo(category: Category, lines: readonly Line[]): JsonObject[] {
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

function evidenceFor(found: Finding, lines: readonly Line[]): JsonObject[] {
  const main = found.line;
  if (!main) {
    const last = [...lines].reverse().find((line) => line.text.trim() !== '');
    return [
      {
        claim: last?.text.trim().slice(0, 300) || 'The log is empty',
        source: last ? sourceOf(last) : 'log:1',
      },
    ];
  }
  const near = lines.filter(
    (line) => line.number > main.number && line.number <= main.number + 8 && speaks(line),
  );
  return [main, ...near]
    .slice(0, maxEvidence)
    .map((line) => ({ claim: line.text.trim().slice(0, 300), source: sourceOf(line) }));
}

function sourceOf(line: Line): string {
  return `${line.origin ?? 'log'}:${line.number}`;
}
