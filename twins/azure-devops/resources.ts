/** The JSON of people, projects and repositories, as REST 7.1 gives it. Pure. */
import { azureTime, type Identity, type Repository, type World } from './world.ts';

type Json = Record<string, unknown>;

export function projectApi(world: World): string {
  return `${world.url}/${world.project.id}/_apis`;
}

export function identityJson(world: World, who: Identity): Json {
  return {
    displayName: who.displayName,
    url: `${world.url}/_apis/Identities/${who.id}`,
    _links: { avatar: { href: `${world.url}/_apis/GraphProfile/MemberAvatars/${who.id}` } },
    id: who.id,
    uniqueName: who.uniqueName,
    imageUrl: `${world.url}/_api/_common/identityImage?id=${who.id}`,
    descriptor: `aad.${Buffer.from(who.id).toString('base64url')}`,
  };
}

export function projectJson(world: World): Json {
  return {
    id: world.project.id,
    name: world.project.name,
    url: `${world.url}/_apis/projects/${world.project.id}`,
    state: 'wellFormed',
    revision: 1,
    visibility: 'private',
    lastUpdateTime: azureTime(world.project.createdAt),
  };
}

export function repositoryUrl(world: World, repository: Repository): string {
  return `${projectApi(world)}/git/repositories/${repository.id}`;
}

export function remoteUrl(world: World, repository: Repository): string {
  return `${world.url}/${world.project.name}/_git/${repository.name}`;
}

export function repositoryJson(world: World, repository: Repository): Json {
  return {
    id: repository.id,
    name: repository.name,
    url: repositoryUrl(world, repository),
    project: projectJson(world),
    defaultBranch: repository.defaultBranch,
    size: 1024,
    remoteUrl: remoteUrl(world, repository),
    sshUrl: `git@ssh.dev.azure.com:v3/${world.organisation}/${world.project.name}/${repository.name}`,
    webUrl: remoteUrl(world, repository),
    isDisabled: false,
    isInMaintenance: false,
  };
}
