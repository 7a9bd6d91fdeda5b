import { getProjectName } from '../adapters/azure-devops/builds.ts';
import type { AzureDevOps } from '../adapters/azure-devops/client.ts';
import type { ProjectRef } from '../intake/azure-devops/parse.ts';

/** The configured spelling of a project’s name; null where it is not one of ours. */
export function configuredProject(name: string, configured: readonly string[]): string | null {
  return configured.find((project) => project.toLowerCase() === name.toLowerCase()) ?? null;
}

export type ProjectAnswer = { ok: true; project: string } | { ok: false; reason: string };

/** The configured project that a hook means; by name, or by asking the API for the name of its id. */
export async function resolveProject(api: AzureDevOps, ref: ProjectRef): Promise<ProjectAnswer> {
  const name = ref.name ?? (ref.id === null ? null : await getProjectName(api, ref.id));
  if (name === null) return { ok: false, reason: `no such project: ${ref.id ?? 'the event names none'}` };
  const project = configuredProject(name, api.projects);
  return project === null
    ? { ok: false, reason: `project ${name} is not in AZURE_DEVOPS_PROJECTS` }
    : { ok: true, project };
}
