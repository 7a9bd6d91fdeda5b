/** The JSON of commits, changes and refs, as REST 7.1 gives it. Pure. */
import type { GitCommit } from './git.ts';
import { identityJson, remoteUrl, repositoryUrl } from './resources.ts';
import { azureTime, guidFrom, type Push, type Repository, type World } from './world.ts';

type Json = Record<string, unknown>;

export function changeJson(world: World, repository: Repository, commit: GitCommit): Json {
  return {
    id: commit.commitId,
    message: commit.comment,
    type: 'TfsGit',
    author: {
      displayName: commit.author.name,
      _links: {
        avatar: {
          href: `${world.url}/_apis/GraphProfile/MemberAvatars/${guidFrom(`identity/${commit.author.email}`)}`,
        },
      },
      id: guidFrom(`identity/${commit.author.email}`),
      uniqueName: commit.author.email,
    },
    timestamp: commit.committer.date,
    location: `${repositoryUrl(world, repository)}/commits/${commit.commitId}`,
    displayUri: `${remoteUrl(world, repository)}/commit/${commit.commitId}`,
  };
}

export function commitReference(world: World, repository: Repository, commitId: string): Json {
  return { commitId, url: `${repositoryUrl(world, repository)}/commits/${commitId}` };
}

export function commitJson(world: World, repository: Repository, commit: GitCommit): Json {
  const lines = commit.comment.split('\n');
  return {
    commitId: commit.commitId,
    author: commit.author,
    committer: commit.committer,
    comment: lines[0] ?? '',
    ...(lines.length > 1 ? { commentTruncated: true } : {}),
    changeCounts: { Add: 0, Edit: 0, Delete: 0 },
    url: `${repositoryUrl(world, repository)}/commits/${commit.commitId}`,
    remoteUrl: `${remoteUrl(world, repository)}/commit/${commit.commitId}`,
  };
}

export function commitDetailJson(world: World, repository: Repository, commit: GitCommit): Json {
  const url = `${repositoryUrl(world, repository)}/commits/${commit.commitId}`;
  const push = repository.pushes.find((one) =>
    one.refUpdates.some((update) => update.newObjectId === commit.commitId),
  );
  return {
    treeId: commit.treeId,
    parents: commit.parents,
    push: pushReference(world, push),
    commitId: commit.commitId,
    author: commit.author,
    committer: commit.committer,
    comment: commit.comment,
    url,
    remoteUrl: `${remoteUrl(world, repository)}/commit/${commit.commitId}`,
    _links: {
      self: { href: url },
      repository: { href: repositoryUrl(world, repository) },
      changes: { href: `${url}/changes` },
      web: { href: `${remoteUrl(world, repository)}/commit/${commit.commitId}` },
      tree: { href: `${repositoryUrl(world, repository)}/trees/${commit.treeId}` },
    },
  };
}

function pushReference(world: World, push: Push | undefined): Json {
  return {
    pushedBy: identityJson(world, push?.pushedBy ?? world.identities.developer),
    pushId: push?.pushId ?? 1,
    date: azureTime(push?.at ?? world.project.createdAt),
  };
}

export function refJson(world: World, repository: Repository, name: string, objectId: string): Json {
  return {
    name,
    objectId,
    creator: identityJson(world, world.identities.developer),
    url: `${repositoryUrl(world, repository)}/refs?filter=${encodeURIComponent(name.replace(/^refs\//, ''))}`,
  };
}
