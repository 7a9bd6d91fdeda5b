import { stringify } from 'yaml';
import { type Pipeline, parsePipeline, triggersOn } from '../../twins/azure-devops/pipeline-yaml.ts';
import type { ManifestFacts } from './source-repository.ts';

export interface PipelineChoice {
  defaultBranch: string;
  extraFiles: Record<string, string>;
  remarks: string[];
}

const USUAL_BRANCHES = ['main', 'master', 'trunk', 'develop'];

/** The repository's own pipeline where it runs here, else one that does the least: install, build, test. */
export async function choosePipeline(
  own: string | null,
  wanted: { branch: string; featureBranch: string | null },
  manifest: () => Promise<ManifestFacts>,
): Promise<PipelineChoice> {
  const usable = own === null ? null : usablePipeline(own);
  if (usable?.ok) {
    const { trigger } = usable.pipeline;
    const builds = (branch: string) => triggersOn(trigger, `refs/heads/${branch}`);
    const defaultBranch = [wanted.branch, ...USUAL_BRANCHES].find(builds);
    const { featureBranch } = wanted;
    if (defaultBranch !== undefined && (featureBranch === null || builds(featureBranch)))
      return { defaultBranch, extraFiles: {}, remarks: [] };
  }
  const why = own === null ? null : (usable && !usable.ok && usable.why) || 'no push triggers it';
  return {
    defaultBranch: wanted.branch,
    extraFiles: { 'azure-pipelines.yml': leastPipeline(await manifest(), wanted.branch) },
    remarks:
      why === null
        ? []
        : [`its azure-pipelines.yml does not run here (${why}): install, build and test instead`],
  };
}

function usablePipeline(text: string): { ok: true; pipeline: Pipeline } | { ok: false; why: string } {
  const parsed = parsePipeline(text);
  if (!parsed.ok) return { ok: false, why: parsed.message };
  const steps = parsed.pipeline.stages.flatMap(({ jobs }) => jobs).flatMap((job) => job.steps);
  const unknown = steps.find(({ kind }) => kind === 'unknown');
  return unknown ? { ok: false, why: `the task ${unknown.text} is not known` } : parsed;
}

function leastPipeline({ hasLock, hasDependencies, hasBuild }: ManifestFacts, branch: string): string {
  const steps = [
    ...(hasLock ? [{ script: 'npm ci', displayName: 'Install' }] : []),
    ...(!hasLock && hasDependencies ? [{ script: 'npm install', displayName: 'Install' }] : []),
    ...(hasBuild ? [{ script: 'npm run build', displayName: 'Build' }] : []),
    { script: 'npm test', displayName: 'Test' },
  ];
  return stringify({
    trigger: { branches: { include: [branch, 'feature/*'] } },
    pool: { vmImage: 'ubuntu-latest' },
    steps,
  });
}
