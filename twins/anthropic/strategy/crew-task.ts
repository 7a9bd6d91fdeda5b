/** Plays an agent that is asked something: looks at the host it may look at, does or requests what was asked, reports. */
import { conform } from '../schema/conform.ts';
import type { JsonObject } from '../wire/messages.ts';
import type { Plan, ToolOutcome } from './plan.ts';
import type { CrewTask } from './recognise-task.ts';

interface Finding {
  outcome: 'done' | 'nothing_to_do' | 'blocked';
  answer: string;
  evidence: { claim: string; source: string }[];
}

const VERBS: Record<string, string[]> = {
  remove: ['docker', 'rm', '-f'],
  restart: ['docker', 'restart'],
  stop: ['docker', 'stop'],
};

export function* doTask(task: CrewTask): Plan<JsonObject> {
  const finding = yield* work(task);
  const result = reportOf(finding);
  const name = toolNamed(task, 'report');
  if (name !== undefined) yield { name, input: conform(task.schemas[name] ?? {}, result) as JsonObject };
  return result;
}

function* work(task: CrewTask): Plan<Finding> {
  const route = /\blet (\w+) write to (\w+)/i.exec(task.text);
  const request = toolNamed(task, 'request');
  if (route?.[1] && route[2] && request !== undefined)
    return yield* askFor(request, route[1].toLowerCase(), route[2].toLowerCase(), task.text);
  const runOnHost = toolNamed(task, 'run_on_host');
  if (runOnHost === undefined) return plainAnswer(task);
  const host = /\bon ([a-z][a-z0-9-]*)\b/.exec(task.text)?.[1] ?? 'staging';
  const seen = yield* command(runOnHost, host, ['docker', 'ps', '-a'], 'To see what runs there');
  const evidence = [{ claim: firstLine(seen.text), source: `host:${host} docker ps -a` }];
  const asked = /\b(remove|restart|stop) (?:the container )?([\w.-]+)/i.exec(task.text);
  const argv = VERBS[asked?.[1]?.toLowerCase() ?? ''];
  if (!argv || !asked?.[2])
    return { outcome: 'nothing_to_do', answer: `${host} answers: ${firstLine(seen.text)}`, evidence };
  const done = yield* command(runOnHost, host, [...argv, asked[2]], task.text);
  const said = { claim: firstLine(done.text), source: `host:${host} ${argv.join(' ')} ${asked[2]}` };
  const waits = /permission|approv|person/i.test(done.text);
  return {
    outcome: done.isError || waits ? 'blocked' : 'done',
    answer: waits
      ? `I asked for permission to ${asked[1]?.toLowerCase()} ${asked[2]} on ${host}.`
      : `${asked[1]} ${asked[2]} on ${host}: ${firstLine(done.text)}`,
    evidence: [...evidence, said],
  };
}

function* askFor(name: string, from: string, to: string, reason: string): Plan<Finding> {
  const action = { kind: 'allow_relay_route', from, to };
  const filed = yield {
    name,
    input: { title: `Let ${from} write to ${to}`, reason: reason.slice(0, 1_000), action },
  };
  return {
    outcome: 'blocked',
    answer: `I asked for the route from ${from} to ${to}.`,
    evidence: [{ claim: firstLine(filed.text), source: 'request' }],
  };
}

function* command(name: string, host: string, argv: string[], reason: string): Plan<ToolOutcome> {
  return yield { name, input: { host, argv, reason: reason.slice(0, 1_000) } };
}

const plainAnswer = ({ text }: CrewTask): Finding => ({
  outcome: 'nothing_to_do',
  answer: `I read “${firstLine(text)}”. There is nothing that I can look at from here.`,
  evidence: [{ claim: 'The task names nothing within my reach.', source: 'task' }],
});

const reportOf = ({ outcome, answer, evidence }: Finding): JsonObject => ({
  kind: 'report',
  outcome,
  answer: answer.slice(0, 4_000),
  finding: answer.slice(0, 4_000),
  reasoning: 'It is what the commands showed.',
  rootCause: answer.slice(0, 300),
  confidence: 0.8,
  alternatives: [],
  evidence,
});

const toolNamed = ({ toolNames }: CrewTask, name: string): string | undefined =>
  [...toolNames].find((tool) => new RegExp(`(^|__)${name}$`).test(tool));

const firstLine = (text: string): string =>
  (text.split('\n').find((line) => line.trim() !== '') ?? 'nothing').trim().slice(0, 300);
