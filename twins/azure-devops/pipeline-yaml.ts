/**
 * Reads `azure-pipelines.yml`: which branches trigger a build, and the stages, jobs and steps of one.
 * Pure. Of the steps `script:`, `bash:`, `checkout:` and `Npm@1` do something; tasks that only prepare a
 * hosted agent or publish results do nothing here; any other task fails the build, as an unknown task does there.
 */
import { parse } from 'yaml';

export type PipelineStep = {
  kind: 'script' | 'bash' | 'checkout' | 'nothing' | 'unknown';
  displayName: string;
  refName: string | null;
  /** The script's text, or the task's name. */
  text: string;
  env: Record<string, string>;
  workingDirectory?: string;
  continueOnError: boolean;
  condition: string;
  timeoutMs?: number;
};

export type PipelineJob = { name: string; displayName: string; steps: PipelineStep[]; dependsOn: string[] };
export type PipelineStage = { name: string; displayName: string; jobs: PipelineJob[]; dependsOn: string[] };
export type BranchFilter = { include: string[]; exclude: string[] };

export type Pipeline = {
  /** `undefined` stands for `trigger: none`. */
  trigger: BranchFilter | undefined;
  variables: Record<string, string>;
  stages: PipelineStage[];
};

export type PipelineOutcome =
  | { ok: true; pipeline: Pipeline }
  | { ok: false; code: 'invalid'; message: string };

type Node = Record<string, unknown>;

const preparingTasks = [
  'nodetool',
  'usenode',
  'cache',
  'publishtestresults',
  'publishcodecoverageresults',
  'publishbuildartifacts',
  'publishpipelineartifact',
  'npmauthenticate',
];

export function parsePipeline(text: string): PipelineOutcome {
  try {
    const root: unknown = parse(text);
    if (!isNode(root)) return { ok: false, code: 'invalid', message: 'The pipeline file is empty.' };
    const stages = readStages(root);
    if (stages.every((stage) => stage.jobs.every((job) => job.steps.length === 0))) {
      return { ok: false, code: 'invalid', message: 'A sequence of steps was not found.' };
    }
    return {
      ok: true,
      pipeline: { trigger: readTrigger(root.trigger), variables: readVariables(root.variables), stages },
    };
  } catch (error) {
    return { ok: false, code: 'invalid', message: error instanceof Error ? error.message : String(error) };
  }
}

/** `branch` as `refs/heads/…`; an exclusion wins over an inclusion. */
export function triggersOn(trigger: BranchFilter | undefined, branch: string): boolean {
  if (!trigger || !branch.startsWith('refs/heads/')) return false;
  const matches = (pattern: string): boolean => matchesBranch(pattern, branch);
  return (trigger.include.length === 0 || trigger.include.some(matches)) && !trigger.exclude.some(matches);
}

function matchesBranch(pattern: string, branch: string): boolean {
  const full = pattern.startsWith('refs/') ? pattern : `refs/heads/${pattern}`;
  const expression = full
    .split(/(\*+|\?)/)
    .map((part) => (part === '?' ? '.' : part.startsWith('*') ? '.*' : escapeExpression(part)))
    .join('');
  return new RegExp(`^${expression}$`).test(branch);
}

function escapeExpression(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function readTrigger(value: unknown): BranchFilter | undefined {
  if (value === 'none') return undefined;
  if (value === undefined || value === null) return { include: ['*'], exclude: [] };
  if (typeof value === 'string' || Array.isArray(value)) return { include: texts(value), exclude: [] };
  if (!isNode(value)) return { include: ['*'], exclude: [] };
  const branches = value.branches;
  if (branches === undefined) return { include: ['*'], exclude: [] };
  if (!isNode(branches)) return { include: texts(branches), exclude: [] };
  return { include: texts(branches.include), exclude: texts(branches.exclude) };
}

function readStages(root: Node): PipelineStage[] {
  if (Array.isArray(root.stages)) {
    return root.stages.filter(isNode).map((stage, index, all) => {
      const name = String(stage.stage ?? `Stage${index + 1}`);
      const before = index === 0 ? [] : [String(all[index - 1]?.stage ?? `Stage${index}`)];
      return {
        name,
        displayName: String(stage.displayName ?? name),
        jobs: readJobs(stage),
        dependsOn: stage.dependsOn === undefined ? before : texts(stage.dependsOn),
      };
    });
  }
  return [{ name: '__default', displayName: '__default', jobs: readJobs(root), dependsOn: [] }];
}

function readJobs(parent: Node): PipelineJob[] {
  if (!Array.isArray(parent.jobs)) {
    return [{ name: 'Job', displayName: 'Job', steps: readSteps(parent.steps), dependsOn: [] }];
  }
  return parent.jobs.filter(isNode).map((job, index) => {
    const name = String(job.job ?? job.deployment ?? `Job${index + 1}`);
    return {
      name,
      displayName: String(job.displayName ?? name),
      steps: readSteps(job.steps),
      dependsOn: texts(job.dependsOn),
    };
  });
}

function readSteps(value: unknown): PipelineStep[] {
  return Array.isArray(value) ? value.filter(isNode).map(readStep) : [];
}

function readStep(node: Node): PipelineStep {
  const what = readWork(node);
  const directory = node.workingDirectory ?? (isNode(node.inputs) ? node.inputs.workingDir : undefined);
  return {
    ...what,
    displayName: String(node.displayName ?? defaultName(what)),
    refName: node.name === undefined ? null : String(node.name),
    env: readVariables(node.env),
    ...(directory === undefined ? {} : { workingDirectory: String(directory) }),
    continueOnError: node.continueOnError === true || node.continueOnError === 'true',
    condition: String(node.condition ?? (node.enabled === false ? 'never()' : 'succeeded()')),
    ...(typeof node.timeoutInMinutes === 'number' && node.timeoutInMinutes > 0
      ? { timeoutMs: node.timeoutInMinutes * 60_000 }
      : {}),
  };
}

function readWork(node: Node): Pick<PipelineStep, 'kind' | 'text'> {
  if (node.script !== undefined) return { kind: 'script', text: String(node.script) };
  if (node.bash !== undefined) return { kind: 'bash', text: String(node.bash) };
  if (node.checkout !== undefined) return { kind: 'checkout', text: String(node.checkout) };
  const task = String(node.task ?? Object.keys(node)[0] ?? 'step');
  const name = task.split('@')[0]?.toLowerCase() ?? '';
  const inputs = isNode(node.inputs) ? node.inputs : {};
  if (name === 'npm') return { kind: 'script', text: npmCommand(inputs) };
  if (name === 'bash' || name === 'cmdline') {
    return { kind: name === 'bash' ? 'bash' : 'script', text: String(inputs.script ?? '') };
  }
  return { kind: preparingTasks.includes(name) ? 'nothing' : 'unknown', text: task };
}

function npmCommand(inputs: Node): string {
  const command = String(inputs.command ?? 'install');
  return command === 'custom' ? `npm ${String(inputs.customCommand ?? '')}` : `npm ${command}`;
}

function defaultName(what: Pick<PipelineStep, 'kind' | 'text'>): string {
  if (what.kind === 'script') return 'CmdLine';
  if (what.kind === 'bash') return 'Bash';
  return what.text.split('@')[0] ?? what.text;
}

function readVariables(value: unknown): Record<string, string> {
  const result: Record<string, string> = {};
  if (Array.isArray(value)) {
    for (const entry of value.filter(isNode)) {
      if (entry.name !== undefined) result[String(entry.name)] = String(entry.value ?? '');
    }
  } else if (isNode(value)) {
    for (const [name, content] of Object.entries(value)) result[name] = String(content ?? '');
  }
  return result;
}

function texts(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  return (Array.isArray(value) ? value : [value]).map(String);
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
