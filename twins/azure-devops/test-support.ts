/** What the tests of this twin share: a tiny repository with a pipeline, a REST client, a receiver of hooks. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTwinServer, type TwinServer } from '../shared/twin-server.ts';
import { type GitResult, runGit } from './git.ts';
import { type AzureDevopsTwin, type AzureDevopsTwinOptions, createAzureDevopsTwin } from './index.ts';

export type Json = Record<string, unknown>;

export const pat = 'builds-token';
export const codePat = 'code-token';

export const tinyFiles: Record<string, string> = {
  'azure-pipelines.yml': [
    'trigger:',
    '  branches:',
    '    include: [main, feature/*]',
    'steps:',
    '  - script: node --version',
    '    displayName: Setup',
    '  - script: node test.mjs',
    '    displayName: Test',
    '  - bash: |',
    '      echo "never seen after a failure"',
    '      echo second',
    '    displayName: Pack',
    '  - script: echo "$BUILD_SOURCEVERSION $CI"',
    '    displayName: Always',
    '    condition: always()',
    '',
  ].join('\n'),
  'sum.mjs': 'export const sum = (a, b) => a + b;\n',
  'test.mjs': [
    "import assert from 'node:assert';",
    "import { sum } from './sum.mjs';",
    "console.error('one on stderr');",
    "console.log('two on stdout');",
    'assert.equal(sum(1, 2), 3);',
    "console.log('ok');",
    '',
  ].join('\n'),
};

export const brokenSum = { 'sum.mjs': 'export const sum = (a, b) => a - b;\n' };

export async function startTwin(options: Partial<AzureDevopsTwinOptions> = {}): Promise<AzureDevopsTwin> {
  return createAzureDevopsTwin({ pat, codePat, ...options });
}

export async function addTinyRepository(twin: AzureDevopsTwin, prBuild = true): Promise<string> {
  const made = await twin.createRepository({
    name: 'tiny',
    extraFiles: tinyFiles,
    pipeline: { definitionId: 1, name: 'tiny-ci' },
    prBuild,
  });
  return made.id;
}

export function basic(password: string): string {
  return `Basic ${Buffer.from(`any:${password}`).toString('base64')}`;
}

export type Answer = { status: number; body: Json; text: string };

export async function call(
  twin: AzureDevopsTwin,
  path: string,
  options: { method?: string; body?: unknown; password?: string; accept?: string } = {},
): Promise<Answer> {
  const separator = path.includes('?') ? '&' : '?';
  const response = await fetch(`${twin.url}${path}${separator}api-version=7.1`, {
    method: options.method ?? 'GET',
    headers: {
      authorization: basic(options.password ?? pat),
      accept: options.accept ?? 'application/json',
      'content-type': 'application/json',
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  const text = await response.text();
  const isJson = (response.headers.get('content-type') ?? '').includes('json');
  return { status: response.status, text, body: isJson ? (JSON.parse(text) as Json) : {} };
}

export function itemsOf(answer: Answer): Json[] {
  return answer.body.value as Json[];
}

export type HookReceiver = {
  url: string;
  received: { headers: Record<string, unknown>; body: Json }[];
  /** What the next calls are answered with; 200 when empty. */
  answers: number[];
  close(): Promise<void>;
};

export async function startReceiver(): Promise<HookReceiver> {
  const received: HookReceiver['received'] = [];
  const answers: number[] = [];
  const server: TwinServer = await startTwinServer({
    handle: async (request) => {
      received.push({ headers: request.headers, body: (await request.json()) as Json });
      return { status: answers.shift() ?? 200 };
    },
  });
  return { url: `${server.url}/hooks/azure-devops`, received, answers, close: () => server.close() };
}

/** A clone made over HTTP, and Git commands in it as one of the roles. */
export type Clone = {
  dir: string;
  git(password: string, ...args: string[]): Promise<GitResult>;
  remove(): Promise<void>;
};

export async function cloneTiny(twin: AzureDevopsTwin): Promise<Clone> {
  const dir = await mkdtemp(join(tmpdir(), 'dogwatch-clone-'));
  const run = (password: string, ...args: string[]): Promise<GitResult> =>
    runGit(['-c', `http.extraHeader=Authorization: ${basic(password)}`, ...args], {
      env: {
        HOME: dir,
        GIT_AUTHOR_NAME: 'Tester',
        GIT_AUTHOR_EMAIL: 'tester@example.com',
        GIT_COMMITTER_NAME: 'Tester',
        GIT_COMMITTER_EMAIL: 'tester@example.com',
      },
    });
  const cloned = await run(codePat, 'clone', '--quiet', `${twin.url}/shop/_git/tiny`, join(dir, 'tiny'));
  if (cloned.exitCode !== 0) throw new Error(cloned.stderr);
  return {
    dir: join(dir, 'tiny'),
    git: (password, ...args) => run(password, '-C', join(dir, 'tiny'), ...args),
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}
