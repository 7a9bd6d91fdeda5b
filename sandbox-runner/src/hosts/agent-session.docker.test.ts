import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createHostTwin } from '../../../twins/hosts/index.ts';
import { createUnsafeProcessBackend } from '../backend/backend-process.ts';
import { fakeGitServer } from '../gateway/testing/fake-git-server.ts';
import { fakeMessagesApi } from '../gateway/testing/fake-messages-api.ts';
import { silentLogger } from '../logger.ts';
import { runRequest } from '../testing/requests.ts';
import { CACHE_DIR, MODEL } from '../testing/sandbox-spec.ts';
import type { EventPayload } from '../worker/event-spool.ts';
import { HostCommands } from './host-commands.ts';
import { runOnHost } from './run-on-host-tool.ts';

const TOOL = 'mcp__dogwatch__run_on_host';

test('a session of the Agent SDK looks at a host, and gets no shell there', {
  timeout: 240_000,
}, async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'dogwatch-state-'));
  const git = await fakeGitServer('shop', 'rates', [{ 'a.txt': 'one\n' }]);
  const twin = await createHostTwin({ containers: [{ name: 'web' }] });
  const reason = 'to see';
  const api = await fakeMessagesApi(
    [
      { call: TOOL, input: { host: 'staging', argv: ['docker', 'ps', '-a'], reason } },
      { call: TOOL, input: { host: 'staging', argv: ['sh', '-c', 'id'], reason } },
      { say: 'done' },
    ],
    MODEL,
  );
  try {
    const { address, port, user, hostKeys, identityFile } = twin;
    const lists = { logPaths: [], buildPaths: [], units: [], sudo: [], reversiblePer10Minutes: 3 };
    const host = {
      address,
      port,
      user,
      hostKeys,
      identityFile,
      groups: ['sam'],
      agentProcess: null,
      ...lists,
    };
    const redact = (text: string) => text;
    const hosts = new HostCommands({
      hosts: { staging: host },
      folder: join(stateDir, 'hosts'),
      redact,
      logger: silentLogger,
      nowMs: Date.now,
    });
    const request = runRequest('sam', { group: 'sam', hostRights: { hosts: ['staging'], reversible: [] } });
    const told: EventPayload[] = [];
    const backend = createUnsafeProcessBackend({
      runner: 'test',
      stateDir,
      cacheDir: CACHE_DIR,
      anthropicBaseUrl: api.url,
      anthropicApiKey: 'sk-canary',
      azureDevopsUrl: git.url,
      azureDevopsPat: null,
      npmRegistryUrl: null,
      costMicroUsd: () => 0,
      log: () => undefined,
    });
    const spec = {
      ...request,
      model: MODEL,
      timeoutMs: 90_000,
      charter: 'You are Sam.',
      prompt: 'Look at staging.',
      workspace: {
        project: 'shop',
        repository: 'rates',
        ref: 'refs/heads/main',
        commit: git.commits[0] ?? '',
      },
      routes: ['anthropic', 'git'],
      credentials: ['anthropic'],
      mirror: async () => git.bare,
      tools: ['run_on_host'],
      run: request.id,
      checkpoint: null,
    };
    const deps = {
      hosts,
      redact,
      nowMs: Date.now,
      leaseClock: { isFresh: () => true },
      artifacts: {
        put: async (_run: string, name: string, contentType: string, bytes: Uint8Array) => ({
          name,
          sha256: '0'.repeat(64),
          sizeBytes: bytes.length,
          contentType,
        }),
      },
      spool: {
        append(_run: string, _fence: number, payload: EventPayload) {
          told.push(payload);
          return null;
        },
      },
    };
    const sandbox = await backend.start(spec, {
      onTool: async (call) =>
        call.tool === 'run_on_host'
          ? runOnHost(request, call.input, deps)
          : { text: 'no such tool here', isError: true },
      onEvent: () => undefined,
      onUsage: () => undefined,
    });
    expect(await sandbox.ended).toMatchObject({ reason: 'completed' });
    expect(told.map(({ data }) => 'decision' in data && data.decision)).toEqual(['executed', 'refused']);
    const heard = JSON.stringify(api.seen.at(-1)?.body.messages);
    expect(heard).toContain('Up 2 hours');
    expect(heard).toContain('Refused (unlisted)');
    expect(heard).not.toContain(identityFile);
    expect(await twin.commands()).toEqual(["LC_ALL=C.UTF-8 timeout -k 5 60 'docker' 'ps' '-a'"]);
  } finally {
    await Promise.all([twin.close(), api.close(), git.close()]);
    await rm(stateDir, { recursive: true, force: true });
  }
});
