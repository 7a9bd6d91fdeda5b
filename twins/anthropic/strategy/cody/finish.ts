/** Commit, submit, report: what leaves the container. */
import { conform } from '../../schema/conform.ts';
import type { JsonObject } from '../../wire/messages.ts';
import type { Plan, ToolOutcome } from '../plan.ts';
import type { FixTask } from '../recognise-task.ts';
import { bash } from './shell.ts';

export type Story = {
  outcome: 'fixed' | 'not_code' | 'not_diagnosable';
  title: string;
  rootCause: string;
  finding: string;
  reasoning: string;
  confidence: number;
  alternatives: { hypothesis: string; rejectedBecause: string }[];
  evidence: { claim: string; source: string }[];
};

const titleLimitChars = 72;

export function* commit(title: string, body: string): Plan<ToolOutcome> {
  const message = `fix: ${title}`.slice(0, titleLimitChars);
  // The marker must not occur in the text it ends.
  const text = `${message}\n\n${body}`.replace(/^MESSAGE$/gm, 'message');
  return yield* bash(
    `git commit -q -F - <<'MESSAGE'\n${text}\nMESSAGE\ngit log --oneline -n 1 && git show --stat --format= HEAD`,
    'Commit the fix',
  );
}

export type Submission = { title: string; rootCause: string; fixSummary: string; proof: 'test' | 'command' };

/** `undefined` when the tool is not there. */
export function* submit(task: FixTask, submission: Submission): Plan<ToolOutcome | undefined> {
  const name = toolNamed(task, 'submit_fix');
  return name === undefined ? undefined : yield { name, input: shaped(task, name, { ...submission }) };
}

export function isRefused(outcome: ToolOutcome): boolean {
  if (outcome.isError) return true;
  return (
    /"?(accepted|ok)"?\s*[:=]\s*false|\b(refused|rejected|denied|not accepted)\b/i.test(outcome.text) &&
    !/\baccepted"?\s*[:=]\s*true|^accepted\b/im.test(outcome.text)
  );
}

export function* report(task: FixTask, story: Story): Plan<ToolOutcome | undefined> {
  const name = toolNamed(task, 'report');
  if (name === undefined) return undefined;
  const { title: _, ...result } = story;
  return yield { name, input: shaped(task, name, { kind: 'fix', ...clipped(result) }) };
}

function clipped(result: Omit<Story, 'title'>): JsonObject {
  return {
    ...result,
    rootCause: result.rootCause.slice(0, 300),
    finding: result.finding.slice(0, 4_000),
    reasoning: result.reasoning.slice(0, 8_000),
    alternatives: result.alternatives.slice(0, 20).map((one) => ({
      hypothesis: one.hypothesis.slice(0, 1_000),
      rejectedBecause: one.rejectedBecause.slice(0, 1_000),
    })),
    evidence: result.evidence
      .slice(0, 30)
      .map((one) => ({ claim: one.claim.slice(0, 1_000), source: one.source.slice(0, 300) })),
  };
}

/** Fits the tool's schema; a tool that wants everything under one name (`result`) gets it there. */
function shaped(task: FixTask, name: string, value: JsonObject): JsonObject {
  const schema = task.schemas[name] ?? {};
  const properties = Object.keys((schema.properties as JsonObject | undefined) ?? {});
  const wraps = properties.length === 1 && properties[0] !== undefined && value[properties[0]] === undefined;
  const shapedValue = conform(schema, wraps ? { [properties[0] ?? '']: value } : value);
  return shapedValue as JsonObject;
}

function toolNamed(task: FixTask, name: string): string | undefined {
  return (
    [...task.toolNames].find((tool) => tool === `mcp__dogwatch__${name}`) ??
    [...task.toolNames].find((tool) => new RegExp(`(^|__)${name}$`).test(tool))
  );
}
