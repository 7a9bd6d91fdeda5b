/** Runs one job: a fresh clone at the exact commit, each step with bash, whole output kept. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  bannerLines,
  bashBanner,
  checkoutBanner,
  commandLineBanner,
  newLog,
  scriptLines,
  writeLog,
} from './build-log.ts';
import { git, runGit } from './git.ts';
import type { PipelineJob, PipelineStep } from './pipeline-yaml.ts';
import { runScript } from './run-script.ts';
import {
  buildVariables,
  conditionHolds,
  expandMacros,
  type StepPlaces,
  stepPath,
  toEnvironment,
} from './step-environment.ts';
import {
  addRecord,
  climb,
  finishRecord,
  startRecord,
  type TimelineRecord,
  type TimelineResult,
} from './timeline.ts';
import { type Build, type BuildLog, newGuid, type World } from './world.ts';

export type RunBuildOptions = {
  stepTimeoutMs: number;
  ciEnv: Record<string, string>;
  npmCacheDir?: string;
  npmRegistryUrl?: string;
  signal: AbortSignal;
  onStage?: (stage: TimelineRecord) => void;
};

/** What a job needs to know of its build. */
export type Scope = {
  world: World;
  build: Build;
  options: RunBuildOptions;
  places: StepPlaces;
  variables: Record<string, string>;
};

const tasks = {
  script: { id: 'd9bafed4-0b18-4f58-968d-86655b4d2ce9', name: 'CmdLine', version: '2.250.1' },
  bash: { id: '6c731c3c-3c68-459a-a5c9-bde6e6595b5b', name: 'Bash', version: '3.250.1' },
};

export async function runJob(scope: Scope, phase: TimelineRecord, job: PipelineJob): Promise<TimelineResult> {
  const { world, build, places } = scope;
  const record = addRecord(build, {
    type: 'Job',
    name: job.displayName,
    refName: '__default',
    identifier: `${phase.identifier}.__default`,
    parentId: phase.id,
    order: 1,
    workerName: 'twin agent 1',
  });
  startRecord(record, world.now());
  await rm(places.workDir, { recursive: true, force: true });
  for (const dir of [places.tempDir, places.homeDir, join(places.workDir, 'a')]) {
    await mkdir(dir, { recursive: true });
  }
  const runner = new JobRun(scope, record);
  await runner.prepare();
  const steps = job.steps.some((step) => step.kind === 'checkout')
    ? job.steps
    : [checkoutStep(), ...job.steps];
  for (const step of steps) await runner.step(step);
  await runner.finish();
  return record.result ?? 'succeeded';
}

function checkoutStep(): PipelineStep {
  return {
    kind: 'checkout',
    displayName: 'checkout',
    refName: null,
    text: 'self',
    env: {},
    continueOnError: false,
    condition: 'succeeded()',
  };
}

/** One job's records, its log (all of its tasks' lines) and whether a step has failed yet. */
class JobRun {
  readonly #scope: Scope;
  readonly #job: TimelineRecord;
  readonly #taskRecords: TimelineRecord[] = [];
  readonly #taskLogs: BuildLog[] = [];
  #hasFailed = false;

  constructor(scope: Scope, job: TimelineRecord) {
    this.#scope = scope;
    this.#job = job;
  }

  prepare(): Promise<void> {
    return this.#task('Initialize job', null, async (write) => {
      write('##[section]Starting: Initialize job');
      write("Agent name: 'twin agent 1'");
      write("Agent machine name: 'twin'");
      write("Current agent version: '4.248.0'");
      write('##[section]Finishing: Initialize job');
      return 'succeeded';
    });
  }

  async step(step: PipelineStep): Promise<void> {
    const { build } = this.#scope;
    if (step.kind === 'checkout' && step.text === 'none') return;
    const branch = build.sourceBranch.replace(/^refs\/(heads|pull)\//, '');
    const name =
      step.kind === 'checkout' ? `Checkout ${build.repository.name}@${branch} to s` : step.displayName;
    const task =
      step.kind === 'bash'
        ? tasks.bash
        : step.kind === 'script'
          ? tasks.script
          : { ...tasks.script, name: step.text };
    if (!conditionHolds(step.condition, this.#hasFailed)) {
      this.#skip(name, task);
      return;
    }
    await this.#task(
      name,
      step.kind === 'checkout' ? null : task,
      (write, record) => this.#perform(step, name, write, record),
      step.refName,
    );
  }

  async finish(): Promise<void> {
    const { world } = this.#scope;
    await this.#task('Finalize Job', null, async (write) => {
      write('##[section]Starting: Finalize Job');
      write('Cleaning up task key');
      write('Start cleaning up orphan processes.');
      write('##[section]Finishing: Finalize Job');
      return 'succeeded';
    });
    const log = newLog(this.#scope.build, this.#job.startedAt ?? world.now());
    log.lines = this.#taskLogs.flatMap((one) => one.lines);
    this.#job.logId = log.id;
    finishRecord(this.#job, climb(this.#taskRecords.map((record) => record.result)), world.now());
  }

  #skip(name: string, task: TimelineRecord['task']): void {
    const record = this.#record(name, task);
    finishRecord(record, 'skipped', this.#scope.world.now());
  }

  #record(name: string, task: TimelineRecord['task'], refName: string | null = null): TimelineRecord {
    const record = addRecord(this.#scope.build, {
      type: 'Task',
      name,
      refName,
      task,
      parentId: this.#job.id,
      order: this.#taskRecords.length + 1,
      workerName: this.#job.workerName,
    });
    this.#taskRecords.push(record);
    return record;
  }

  async #task(
    name: string,
    task: TimelineRecord['task'],
    work: (write: (text: string) => number, record: TimelineRecord) => Promise<TimelineResult>,
    refName: string | null = null,
  ): Promise<void> {
    const { world, build } = this.#scope;
    const record = this.#record(name, task, refName);
    const log = newLog(build, world.now());
    this.#taskLogs.push(log);
    record.logId = log.id;
    startRecord(record, world.now());
    const write = (text: string): number => {
      writeLog(log, text, world.now());
      return log.lines.length;
    };
    const result = await work(write, record);
    if (result === 'failed' || result === 'canceled') this.#hasFailed = true;
    finishRecord(record, result, world.now());
  }

  async #perform(
    step: PipelineStep,
    name: string,
    write: (text: string) => number,
    record: TimelineRecord,
  ): Promise<TimelineResult> {
    write(`##[section]Starting: ${name}`);
    const failure =
      step.kind === 'checkout'
        ? await this.#checkout(write)
        : step.kind === 'nothing'
          ? this.#pretend(step, write)
          : step.kind === 'unknown'
            ? `A task is missing: ${step.text}`
            : await this.#script(step, step.kind, write);
    if (failure !== undefined) {
      const logFileLineNumber = String(write(`##[error]${failure}`));
      record.issues.push({
        type: 'error',
        category: 'General',
        message: failure,
        data: { type: 'error', logFileLineNumber },
      });
    }
    write(`##[section]Finishing: ${name}`);
    if (failure === undefined) return 'succeeded';
    if (this.#scope.options.signal.aborted) return 'canceled';
    return step.continueOnError ? 'succeededWithIssues' : 'failed';
  }

  #pretend(step: PipelineStep, write: (text: string) => number): undefined {
    write(`${step.text} has nothing to do on this agent.`);
  }

  async #checkout(write: (text: string) => number): Promise<string | undefined> {
    const { build, places } = this.#scope;
    const { gitDir } = build.repository;
    for (const line of bannerLines(checkoutBanner)) write(line);
    write(`Syncing repository: ${build.repository.name} (Git)`);
    const dir = places.sourcesDir;
    const commands = [
      ['init', '--quiet', '--initial-branch=master', dir],
      ['-C', dir, 'remote', 'add', 'origin', gitDir],
      ['-C', dir, 'fetch', '--quiet', '--no-tags', 'origin', '+refs/heads/*:refs/remotes/origin/*'],
      ['-C', dir, 'fetch', '--quiet', '--no-tags', 'origin', build.sourceVersion],
      ['-C', dir, 'checkout', '--quiet', '--force', '--detach', build.sourceVersion],
    ];
    for (const command of commands) {
      const shown = command.filter((word) => word !== '-C' && word !== dir && word !== '--quiet');
      write(`##[command]git ${shown.join(' ').replace(gitDir, build.repository.name)}`);
      const result = await runGit(command);
      for (const line of result.stderr.split('\n').filter((text) => text !== '')) write(line);
      if (result.exitCode !== 0) return `Git ${shown[0]} failed with exit code: ${result.exitCode}`;
    }
    const head = await git(['-C', dir, 'log', '-1', '--format=%h %s']);
    write(`HEAD is now at ${head}`);
    return undefined;
  }

  async #script(
    step: PipelineStep,
    kind: 'script' | 'bash',
    write: (text: string) => number,
  ): Promise<string | undefined> {
    const { world, build, options, places } = this.#scope;
    const variables = { ...this.#scope.variables, ...buildVariables(world, build, places) };
    const expand = (text: string): string => expandMacros(text, variables);
    const script = expand(step.text);
    const scriptFile = join(places.tempDir, `${newGuid()}.sh`);
    await writeFile(scriptFile, `${script}\n`);
    for (const line of bannerLines(kind === 'bash' ? bashBanner : commandLineBanner)) write(line);
    for (const line of scriptLines(kind, script, scriptFile)) write(line);
    const cwd = resolve(places.sourcesDir, expand(step.workingDirectory ?? '.'));
    const timeoutMs = step.timeoutMs ?? options.stepTimeoutMs;
    const env = {
      ...this.#baseEnvironment(),
      ...toEnvironment(variables),
      ...options.ciEnv,
      ...Object.fromEntries(Object.entries(step.env).map(([name, value]) => [name, expand(value)])),
    };
    await mkdir(places.sourcesDir, { recursive: true });
    const end = await runScript({
      scriptFile,
      cwd,
      env,
      timeoutMs,
      signal: options.signal,
      onLine: (line) => void write(line),
    });
    if (end.how === 'canceled') return 'The operation was canceled.';
    if (end.how === 'timedOut')
      return `The task has timed out after ${Math.round(timeoutMs / 1000)} seconds.`;
    return end.exitCode === 0 ? undefined : `Bash exited with code '${end.exitCode}'.`;
  }

  #baseEnvironment(): Record<string, string> {
    const { options, places } = this.#scope;
    return {
      PATH: stepPath(resolve(process.execPath, '..'), process.env.PATH ?? '/usr/bin:/bin'),
      HOME: places.homeDir,
      TMPDIR: places.tempDir,
      LANG: 'C.UTF-8',
      CI: 'true',
      TF_BUILD: 'True',
      npm_config_update_notifier: 'false',
      npm_config_fund: 'false',
      npm_config_audit: 'false',
      ...(options.npmCacheDir === undefined ? {} : { npm_config_cache: options.npmCacheDir }),
      ...(options.npmRegistryUrl === undefined ? {} : { npm_config_registry: options.npmRegistryUrl }),
    };
  }
}
