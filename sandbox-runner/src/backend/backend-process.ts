import { cp, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashInputs, IMAGE_FOLDER } from '../image/image-inputs.ts';
import { installSdk } from '../image/image-sdk.ts';
import { runCommands } from './backend-commands.ts';
import { type BackendOptions, gatewaySettings, npmEnvironment } from './backend-options.ts';
import { boundedOutput } from './backend-output.ts';
import { childEnvironment, type RunningChild, startChild } from './backend-process-child.ts';
import { decideEnd, openProofGateway, openSession } from './backend-session.ts';
import type { Sandbox, SandboxBackend, SandboxEnd, SandboxHandlers, SandboxSpec } from './sandbox.ts';

const WARNING =
  'UNSAFE: agents run as plain processes of this user, with its files and its network. For a demo without Docker only; never with a real repository and a real model.';

/** Where prompts say that the checkout is; here it is elsewhere. */
const CONTAINER_FOLDER = '/workspace/repo';

async function installAgent(cacheDir: string, progress: (line: string) => void) {
  const { platform, arch } = process;
  const { content } = await hashInputs(IMAGE_FOLDER, arch);
  const sdk = await installSdk(IMAGE_FOLDER, cacheDir, { os: platform, arch }, progress);
  // Beside node_modules, where its imports are found.
  const folder = join(sdk, `agent-${content}`);
  await cp(join(IMAGE_FOLDER, 'agent'), folder, { recursive: true });
  return { program: join(folder, 'main.ts'), tag: `process:${content}`, digest: `content:${content}` };
}

/**
 * The same agent program and the same gateway without a container: shows the way, keeps nobody in. Says so each
 * time it starts something.
 */
export function createUnsafeProcessBackend(options: BackendOptions): SandboxBackend {
  const settings = gatewaySettings(options);
  const living = new Set<{ stop: () => void; gone: Promise<unknown> }>();
  let agent: ReturnType<typeof installAgent> | null = null;
  options.log(WARNING);

  function ensureAgent(progress: (line: string) => void) {
    agent ??= installAgent(options.cacheDir, progress);
    agent.catch(() => {
      agent = null;
    });
    return agent;
  }

  function track(stop: () => void, gone: Promise<unknown>) {
    const entry = { stop, gone };
    living.add(entry);
    void gone.catch(() => undefined).finally(() => living.delete(entry));
  }

  async function scratchFolder() {
    const scratch = await realpath(await mkdtemp(join(tmpdir(), 'dogwatch-unsafe-')));
    const home = join(scratch, 'home');
    await mkdir(home);
    return { scratch, home, checkout: join(scratch, 'repo') };
  }

  async function start(spec: SandboxSpec, handlers: SandboxHandlers): Promise<Sandbox> {
    const startedAt = performance.now();
    options.log(`${spec.run}: ${WARNING}`);
    const { program, tag, digest } = await ensureAgent(options.log);
    const { scratch, home, checkout } = await scratchFolder();
    const moved = {
      ...spec,
      prompt: spec.prompt.replaceAll(CONTAINER_FOLDER, checkout),
      charter: spec.charter.replaceAll(CONTAINER_FOLDER, checkout),
    };
    const place = {
      host: '127.0.0.1',
      stateDir: options.stateDir,
      workspaceFolder: checkout,
      log: options.log,
    };
    const session = await openSession(moved, handlers, place, await settings);
    const { url } = session.gateway;
    const logs = boundedOutput(64 * 1024);
    const child = startChild([process.execPath, program], {
      folder: scratch,
      env: childEnvironment(home, { DOGWATCH_GATEWAY: url, ...npmEnvironment(url) }),
      onOutput: logs.push,
    });
    let killedAs: 'canceled' | 'timeout' | null = null;
    const kill = async (reason: 'canceled' | 'timeout') => {
      killedAs ??= reason;
      child.kill();
    };
    const clock = setTimeout(() => void kill('timeout'), spec.timeoutMs);
    const finish = async (): Promise<SandboxEnd> => {
      const exitCode = await child.exited;
      clearTimeout(clock);
      // What the agent left running goes with it.
      child.kill();
      await session.close();
      await rm(scratch, { recursive: true, force: true, maxRetries: 3 });
      const said = session.doors.end();
      const facts = {
        killedAs,
        budgetSpent: session.isBudgetSpent(),
        exitCode,
        outOfMemory: false,
        placeGone: false,
        said,
      };
      return {
        ...decideEnd({ ...facts, logTail: logs.text().slice(-2_000) }),
        turns: said?.turns ?? session.doors.turns(),
        durationMs: Math.round(performance.now() - startedAt),
        transcriptPath: session.doors.transcriptPath,
      };
    };
    const ended = finish();
    track(() => void kill('canceled'), ended);
    return { container: `process-${spec.run}`, imageTag: tag, imageDigest: digest, ended, kill };
  }

  return {
    async ensureImage(progress) {
      const { tag, digest } = await ensureAgent(progress);
      return { tag, digest };
    },
    start,
    async runCommand(spec) {
      const { scratch, home, checkout } = await scratchFolder();
      await mkdir(checkout);
      const { gateway, close } = await openProofGateway('127.0.0.1', spec, await settings, options.log);
      const env = childEnvironment(home, { CI: 'true', ...npmEnvironment(gateway.url) });
      let child: RunningChild | null = null;
      let timedOut = false;
      const clock = setTimeout(() => {
        timedOut = true;
        child?.kill();
      }, spec.timeoutMs);
      try {
        return await runCommands(
          spec,
          (command, io) => {
            child = startChild(command, { folder: checkout, env, ...io });
            return child.exited;
          },
          () => timedOut,
        );
      } finally {
        clearTimeout(clock);
        await close();
        await rm(scratch, { recursive: true, force: true, maxRetries: 3 });
      }
    },
    reapOrphans: async () => [],
    problems: () => [WARNING],
    async close() {
      const all = [...living];
      for (const { stop } of all) stop();
      await Promise.allSettled(all.map(({ gone }) => gone));
    },
  };
}
