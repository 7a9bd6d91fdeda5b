import { posix } from 'node:path';
import { readBlob } from '../git/git.ts';

const PIPELINE =
  /(?:^|\/)azure-pipelines[^/]*\.ya?ml$|^\.azure-pipelines\/.*\.ya?ml$|^\.github\/workflows\/[^/]+\.ya?ml$/i;
const MAX_FILES = 100;

/** Paths of the same repository that a pipeline file takes in: Azure templates, and GitHub's own actions and workflows. */
export function partsOf(path: string, text: string): string[] {
  const templates = [...text.matchAll(/\btemplate:\s*["']?([^\s"'#@]+)["']?\s*(?:#.*)?$/gm)].map(
    ([, name = '']) => (name.startsWith('/') ? name.slice(1) : posix.join(posix.dirname(path), name)),
  );
  const actions = [...text.matchAll(/\buses:\s*["']?\.\/([^\s"'#@]+)/g)].map(([, name = '']) => name);
  return [...templates, ...actions].map((part) => posix.normalize(part));
}

/**
 * What the pipelines of a commit are made of besides the files that are known by name, as path patterns: to change
 * a template is to change the pipeline.
 */
export async function pipelineParts(
  gitDir: string,
  commit: string,
  paths: readonly string[],
): Promise<string[]> {
  const waiting = paths.filter((path) => PIPELINE.test(path)).slice(0, MAX_FILES);
  const parts = new Set<string>();
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const text = (await readBlob(gitDir, commit, path))?.toString('utf8') ?? '';
    for (const part of partsOf(path, text)) {
      if (parts.has(part) || parts.size >= MAX_FILES) continue;
      parts.add(part);
      waiting.push(part);
    }
  }
  // A local action is a folder.
  return [...parts].flatMap((part) => [part, `${part}/**`]);
}
