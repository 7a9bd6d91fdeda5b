import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { costMicroUsd } from '../../core/cost/prices.ts';
import { createDockerBackend } from './backend/backend-docker.ts';
import type { EventAnswer, SandboxEvent } from './backend/sandbox.ts';
import { fakeGitServer } from './gateway/testing/fake-git-server.ts';
import { fakeMessagesApi, type Turn } from './gateway/testing/fake-messages-api.ts';
import { CACHE_DIR, MODEL, sandboxSpec } from './testing/sandbox-spec.ts';

let git: Awaited<ReturnType<typeof fakeGitServer>>;
let stateDir: string;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'dogwatch-guardrails-'));
  git = await fakeGitServer('shop', 'parcel-rates', [{ 'a.txt': 'one\n' }]);
});
afterAll(async () => {
  await git.close();
  await rm(stateDir, { recursive: true, force: true });
});

/** Plays one session with the real Agent SDK; `judge` is the runner's word on each line of the ledger. */
async function play(turns: Turn[], judge: (event: SandboxEvent) => EventAnswer) {
  const api = await fakeMessagesApi(turns, MODEL);
  const backend = createDockerBackend({
    runner: `guardrails-${process.pid}`,
    stateDir,
    cacheDir: CACHE_DIR,
    anthropicBaseUrl: api.url,
    anthropicApiKey: 'k',
    azureDevopsUrl: git.url,
    azureDevopsPat: 'p',
    npmRegistryUrl: null,
    costMicroUsd,
    limits: { memoryMb: 2_048 },
    log: () => undefined,
  });
  try {
    const events: SandboxEvent[] = [];
    const sandbox = await backend.start(sandboxSpec(git, 'parcel-rates', { prompt: 'Work.' }), {
      onTool: async () => ({ text: 'ok', isError: false }),
      onEvent: (event) => events.push(event),
      judge,
      onUsage: () => undefined,
    });
    const end = await sandbox.ended;
    return { end, events, heard: JSON.stringify(api.seen.map(({ body }) => body.messages)) };
  } finally {
    await backend.close();
    await backend.reapOrphans();
    await api.close();
  }
}

const bash = (command: string): Turn => ({ call: 'Bash', input: { command, description: 'work' } });
const done: Turn = { say: 'done' };
const outputs = (events: SandboxEvent[]) =>
  events.flatMap((event) => (event.type === 'tool' ? [event.output ?? ''] : [])).join('\n');

test('a call that the runner could not judge is not made', async () => {
  let broken = true;
  const { heard, events } = await play(
    [bash('touch /tmp/made'), bash('ls /tmp/made || echo absent'), done],
    (event) => {
      if (event.type === 'tool' && event.phase === 'requested' && broken) {
        broken = false;
        throw new Error('the judge is out');
      }
      return {};
    },
  );
  expect(outputs(events)).toContain('absent');
  expect(heard).toMatch(/is_error/);
});

test('what the runner blocks is blocked with its reason, and its notices reach the model', async () => {
  const { heard, events } = await play([bash('echo a'), bash('echo b'), done], (event) => {
    if (event.type !== 'tool' || event.phase !== 'requested') return {};
    return event.input?.includes('echo a')
      ? { block: 'repeated: enough of it' }
      : { notice: 'Guardrail: think anew.' };
  });
  expect(events).toContainEqual(
    expect.objectContaining({ phase: 'denied', output: 'repeated: enough of it', name: 'Bash' }),
  );
  expect(heard).toContain('repeated: enough of it');
  expect(heard).toContain('Guardrail: think anew.');
});

test('neither hooks nor charter nor settings can be changed, and nothing is left for the next run', async () => {
  const seeds =
    'for f in ~/.claude/settings.json ~/.bashrc ~/.gitconfig ~/.npmrc /tmp/left .git/hooks/post-checkout; do mkdir -p $(dirname $f); echo "left behind" > $f; done; chmod +x .git/hooks/post-checkout';
  const first = await play(
    [
      bash(
        'for f in /opt/dogwatch/program/hooks.js /opt/dogwatch/program/main.js /opt/dogwatch/compile-cache/x /etc/profile /usr/local/bin/git; do (echo x >> $f) 2>/dev/null && echo "WROTE $f"; done; echo tried',
      ),
      bash(seeds),
      bash('sudo id'),
      done,
    ],
    () => ({}),
  );
  expect(outputs(first.events)).toContain('tried');
  expect(outputs(first.events)).not.toContain('WROTE');
  // A settings file of its own does not switch the guard off.
  expect(outputs(first.events)).toContain('privilege: ');

  const second = await play(
    [bash('grep -rl "left behind" ~ /tmp /workspace 2>/dev/null; echo searched'), done],
    () => ({}),
  );
  expect(outputs(second.events)).toContain('searched');
  expect(outputs(second.events)).not.toMatch(
    /\/(?:tmp|home|workspace)\/\S*(?:left|settings|bashrc|post-checkout)/,
  );
});
