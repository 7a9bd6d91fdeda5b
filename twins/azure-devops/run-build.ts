/**
 * Runs one build for real: its stages and jobs in order, each job in a fresh clone (run-job.ts).
 * It fills the build's timeline and logs as it goes and answers the build's result.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runGit } from './git.ts';
import { type Pipeline, type PipelineJob, type PipelineStep, parsePipeline } from './pipeline-yaml.ts';
import { type RunBuildOptions, runJob, type Scope } from './run-job.ts';
import type { StepPlaces } from './step-environment.ts';
import {
  addRecord,
  climb,
  finishRecord,
  startRecord,
  type TimelineRecord,
  type TimelineResult,
} from './timeline.ts';
import type { Build, BuildResult, World } from './world.ts';

export type { RunBuildOptions } from './run-job.ts';

const results: Record<TimelineResult, BuildResult> = {
  succeeded: 'succeeded',
  skipped: 'succeeded',
  succeededWithIssues: 'partiallySucceeded',
  failed: 'failed',
  canceled: 'canceled',
};

export async function runBuild(world: World, build: Build, options: RunBuildOptions): Promise<BuildResult> {
  const workDir = await mkdtemp(join(tmpdir(), `dogwatch-build-${build.id}-`));
  try {
    const pipeline = await readPipeline(build);
    const stageResults: TimelineResult[] = [];
    for (const [index, stage] of pipeline.stages.entries()) {
      const record = addRecord(build, {
        type: 'Stage',
        name: stage.displayName,
        identifier: stage.name,
        order: index + 1,
      });
      addCheckpoint(world, build, record);
      const blocked = stageResults.includes('failed') || stageResults.includes('canceled');
      const work = { world, build, options, places: placesIn(workDir), variables: pipeline.variables };
      stageResults.push(await runStage(work, record, stage.jobs, blocked));
      options.onStage?.(record);
    }
    return results[climb(stageResults)];
  } finally {
    await rm(workDir, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function readPipeline(build: Build): Promise<Pipeline> {
  const spec = `${build.sourceVersion}:${build.definition.yamlPath.replace(/^\//, '')}`;
  const file = await runGit(['--git-dir', build.repository.gitDir, 'show', spec]);
  const parsed = parsePipeline(file.exitCode === 0 ? file.stdout : '');
  if (parsed.ok) return parsed.pipeline;
  const stage = { name: '__default', displayName: '__default', dependsOn: [] };
  const step: PipelineStep = {
    kind: 'unknown',
    displayName: 'Read the pipeline',
    refName: null,
    text: parsed.message,
    env: {},
    continueOnError: false,
    condition: 'succeeded()',
  };
  return {
    trigger: undefined,
    variables: {},
    stages: [{ ...stage, jobs: [{ name: 'Job', displayName: 'Job', steps: [step], dependsOn: [] }] }],
  };
}

function placesIn(workDir: string): StepPlaces {
  return {
    workDir,
    sourcesDir: join(workDir, 's'),
    tempDir: join(workDir, '_temp'),
    homeDir: join(workDir, '_home'),
  };
}

function addCheckpoint(world: World, build: Build, stage: TimelineRecord): void {
  const record = addRecord(build, {
    type: 'Checkpoint',
    name: 'Checkpoint',
    identifier: stage.identifier === '__default' ? 'Checkpoint' : `${stage.identifier}.Checkpoint`,
    parentId: stage.id,
    order: 0,
  });
  startRecord(record, world.now());
  finishRecord(record, 'succeeded', world.now());
}

async function runStage(
  scope: Scope,
  stage: TimelineRecord,
  jobs: readonly PipelineJob[],
  blocked: boolean,
): Promise<TimelineResult> {
  const { world, build, options } = scope;
  startRecord(stage, world.now());
  if (!blocked) options.onStage?.(stage);
  const done = new Map<string, TimelineResult>();
  const prefix = stage.identifier === '__default' ? '' : `${stage.identifier}.`;
  for (const [index, job] of jobs.entries()) {
    const phase = addRecord(build, {
      type: 'Phase',
      name: job.displayName,
      refName: job.name,
      identifier: `${prefix}${job.name}`,
      parentId: stage.id,
      order: index + 1,
    });
    const waitsFor = job.dependsOn.map((name) => done.get(name));
    const skipped =
      blocked || waitsFor.some((result) => result !== 'succeeded' && result !== 'succeededWithIssues');
    startRecord(phase, world.now());
    const result: TimelineResult = skipped ? 'skipped' : await runJob(scope, phase, job);
    finishRecord(phase, result, world.now());
    done.set(job.name, result);
  }
  const result = blocked ? 'skipped' : climb([...done.values()]);
  finishRecord(stage, result, world.now());
  return result;
}
