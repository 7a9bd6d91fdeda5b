import type { BuildFacts } from './events.ts';

type KeyParts = Pick<BuildFacts, 'organisation' | 'project' | 'definition' | 'ref'>;

/** What makes two failures the same incident. Azure compares names without case, Git refs with it. */
export function incidentKey({ organisation, project, definition, ref }: KeyParts): string {
  return `${pipelineKeyPrefix(organisation, project)}${definition}/${ref}`;
}

/** What the keys of all pipelines of a project begin with. */
export const pipelineKeyPrefix = (organisation: string, project: string): string =>
  `azure-devops/${organisation.toLowerCase()}/${project.toLowerCase()}/`;

export function fixBranch(incident: string, attempt: number): string {
  return `refs/heads/fix/ci-${incident}-${attempt}`;
}

const FIX_BRANCH = /^refs\/heads\/fix\/ci-(inc_[0-9A-HJKMNP-TV-Z]{26})-(\d{1,6})$/;

/** The incident and attempt that a fix branch belongs to; null for every other ref. */
export function parseFixBranch(ref: string): { incident: string; attempt: number } | null {
  const match = FIX_BRANCH.exec(ref);
  return match?.[1] && match[2] ? { incident: match[1], attempt: Number(match[2]) } : null;
}
