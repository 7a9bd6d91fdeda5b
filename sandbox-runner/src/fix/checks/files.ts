import type { Check } from '../fix-under-check.ts';
import { MAX_DIFF_BYTES } from '../gather.ts';
import { matchesPattern } from '../path-patterns.ts';
import { refusal, some } from '../refusal.ts';
import { foldedPath } from './names.ts';

const MAX_FILE_BYTES = 1_024 * 1_024;

/**
 * Files that decide what machines or agents do, rather than what the product does: pipelines, hooks, settings
 * of Git and of package managers, charters. They need a permission that a repair does not have.
 */
const ALWAYS_FORBIDDEN = [
  '.github/**',
  '.azuredevops/**',
  '.azure-pipelines/**',
  '.circleci/**',
  '.buildkite/**',
  '**/azure-pipelines*.yml',
  '**/azure-pipelines*.yaml',
  '**/.gitlab-ci.yml',
  '**/Jenkinsfile',
  '**/.git*',
  '**/.git*/**',
  '**/.husky/**',
  '**/.npmrc',
  '**/.yarnrc*',
  '**/.pnpmfile.*',
  '**/CLAUDE.md',
  '**/AGENTS.md',
  '**/.claude/**',
  '**/.mcp.json',
];

export const checkFileCount: Check = ({ net, target }) =>
  net.length <= target.maxFiles
    ? []
    : [refusal('too_many_files', `${net.length} files changed; at most ${target.maxFiles} are taken.`)];

export const checkPaths: Check = ({ history, target, pipelineParts }) => {
  const patterns = [...ALWAYS_FORBIDDEN, ...pipelineParts, ...target.forbiddenPaths];
  const forbidden = [...new Set(history.map(({ path }) => path))].filter((path) =>
    patterns.some((pattern) => matchesPattern(path, pattern) || matchesPattern(foldedPath(path), pattern)),
  );
  if (forbidden.length === 0) return [];
  return [
    refusal(
      'forbidden_path',
      `These files need a permission of their own, in every commit: ${some(forbidden)}. Leave them as they are.`,
    ),
  ];
};

export const checkModes: Check = ({ history }) => {
  const of = (wanted: (change: (typeof history)[number]) => boolean) => [
    ...new Set(history.filter(wanted).map(({ path }) => path)),
  ];
  const links = of(({ newMode }) => newMode === '120000');
  const modules = of(({ oldMode, newMode }) => oldMode === '160000' || newMode === '160000');
  const modes = of(
    ({ status, oldMode, newMode }) =>
      !['120000', '160000'].includes(newMode) &&
      ((status !== 'deleted' && newMode !== '100644' && newMode !== '100755') ||
        (status === 'modified' && oldMode !== newMode)),
  );
  return [
    ...(links.length > 0 ? [refusal('symlink', `No symbolic links: ${some(links)}.`)] : []),
    ...(modules.length > 0 ? [refusal('submodule', `No submodules: ${some(modules)}.`)] : []),
    ...(modes.length > 0 ? [refusal('file_mode', `File modes must stay as they are: ${some(modes)}.`)] : []),
  ];
};

export const checkSizes: Check = ({ history, blobSizes, diffBytes }) => {
  const large = new Set(
    history.filter(({ newBlob }) => (blobSizes.get(newBlob) ?? 0) > MAX_FILE_BYTES).map(({ path }) => path),
  );
  return [
    ...(large.size > 0
      ? [refusal('file_too_large', `At most ${MAX_FILE_BYTES} bytes in a file: ${some([...large])}.`)]
      : []),
    ...(diffBytes > MAX_DIFF_BYTES
      ? [
          refusal(
            'diff_too_large',
            `The difference has ${diffBytes} bytes; at most ${MAX_DIFF_BYTES} are taken.`,
          ),
        ]
      : []),
  ];
};
