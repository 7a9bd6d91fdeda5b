/** The environment of a pipeline's steps: clean, predictable, with the variables Azure Pipelines sets. Pure. */
import type { Build, World } from './world.ts';

export type StepPlaces = { sourcesDir: string; tempDir: string; homeDir: string; workDir: string };

/** `hostPath` without folders of Node packages: a pipeline must not find this project's own tools. */
export function stepPath(nodeBinDir: string, hostPath: string): string {
  const folders = hostPath.split(':').filter((folder) => folder !== '' && !folder.includes('node_modules'));
  return [nodeBinDir, ...folders.filter((folder) => folder !== nodeBinDir)].join(':');
}

export function buildVariables(world: World, build: Build, places: StepPlaces): Record<string, string> {
  const branch = build.sourceBranch;
  return {
    'Agent.BuildDirectory': places.workDir,
    'Agent.JobStatus': 'Succeeded',
    'Agent.OS': 'Linux',
    'Agent.TempDirectory': places.tempDir,
    'Agent.WorkFolder': places.workDir,
    'Build.ArtifactStagingDirectory': `${places.workDir}/a`,
    'Build.BuildId': String(build.id),
    'Build.BuildNumber': build.buildNumber,
    'Build.DefinitionName': build.definition.name,
    'Build.Reason':
      build.reason === 'pullRequest' ? 'PullRequest' : build.reason === 'manual' ? 'Manual' : 'IndividualCI',
    'Build.Repository.ID': build.repository.id,
    'Build.Repository.LocalPath': places.sourcesDir,
    'Build.Repository.Name': build.repository.name,
    'Build.Repository.Provider': 'TfsGit',
    'Build.RequestedFor': build.requestedFor.displayName,
    'Build.SourceBranch': branch,
    'Build.SourceBranchName': branch.split('/').at(-1) ?? branch,
    'Build.SourcesDirectory': places.sourcesDir,
    'Build.SourceVersion': build.sourceVersion,
    'System.CollectionUri': `${world.url}/`,
    'System.DefaultWorkingDirectory': places.sourcesDir,
    'System.DefinitionId': String(build.definition.id),
    'System.TeamFoundationCollectionUri': `${world.url}/`,
    'System.TeamProject': world.project.name,
    'System.TeamProjectId': world.project.id,
    ...(build.pullRequestId === undefined
      ? {}
      : { 'System.PullRequest.PullRequestId': String(build.pullRequestId) }),
  };
}

export function variableName(name: string): string {
  return name.replace(/[. ]/g, '_').toUpperCase();
}

export function toEnvironment(variables: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [variableName(name), value]));
}

/** Replaces `$(Name)` where a variable has that name; `$(command)` of the shell stays. */
export function expandMacros(text: string, variables: Record<string, string>): string {
  const byName = new Map(Object.entries(variables).map(([name, value]) => [name.toLowerCase(), value]));
  return text.replace(/\$\(([\w. ]+)\)/g, (whole, name: string) => byName.get(name.toLowerCase()) ?? whole);
}

/** Conditions known here: `always()`, `succeeded()`, `failed()`, `succeededOrFailed()`, `never()`; others act as `succeeded()`. */
export function conditionHolds(condition: string, hasFailed: boolean): boolean {
  const text = condition.replace(/\s/g, '').toLowerCase();
  if (text === 'always()' || text === 'succeededorfailed()') return true;
  if (text === 'failed()') return hasFailed;
  if (text === 'never()' || text === 'false') return false;
  return !hasFailed;
}
