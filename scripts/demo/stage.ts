import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type AnthropicTwin, createAnthropicTwin } from '../../twins/anthropic/index.ts';
import { hostNetwork } from '../../twins/azure-devops/host-network.ts';
import { type AzureDevopsTwin, createAzureDevopsTwin } from '../../twins/azure-devops/index.ts';
import { createHostTwin, type HostTwin, type HostTwinOptions } from '../../twins/hosts/index.ts';
import { createTelegramTwin, type TelegramTwin } from '../../twins/telegram/index.ts';
import { generateKeyPair } from '../../wire/keys.ts';
import { root, startWorker } from '../dev/worker-process.ts';
import { type OperatorApi, operatorApi } from '../operator/operator-api.ts';
import { CHATS, OPERATOR, telegramChatsSetting } from './chats.ts';
import { acquireDockerEngine } from './docker-engine.ts';
import { findSecrets } from './find-secrets.ts';
import { freePort } from './free-port.ts';
import { type DemoRunner, prepareRunners } from './runners.ts';
import type { SourceRepository } from './source-repository.ts';
import type { Terminal } from './terminal.ts';

/** Everything that a scenario plays on: the twins, the runner, the Worker, and the API to look at them. */
export interface Stage {
  azure: AzureDevopsTwin;
  telegram: TelegramTwin;
  anthropic: AnthropicTwin | null;
  /** The server that Sam looks after; null: none. */
  host: HostTwin | null;
  runners: DemoRunner[];
  api: OperatorApi;
  repository: string;
  urls: Record<string, string>;
  logDir: string;
  operatorToken: string;
  /** Where a secret of the stage lies that must not lie there; empty when all is well. */
  findSecrets(): Promise<string[]>;
  close(options: { keepState: boolean }): Promise<void>;
}

export interface StageOptions {
  repository: SourceRepository;
  docker: boolean;
  model: 'twin' | 'real';
  /** A server that Sam looks after. */
  host: HostTwinOptions | null;
  /** How many runners there are. */
  runners: number;
  /** Environment of the pipeline's steps. */
  ciEnv: Record<string, string>;
  terminal: Terminal;
  /** Ends the opening early; what was started is stopped. */
  signal: AbortSignal;
}

const PROJECT = 'shop';
/** A defect may be an endless loop; nobody watches a demo for an hour. */
const STEP_TIMEOUT_MS = 90_000;
const secret = (): string => randomBytes(18).toString('base64url');

/** Starts the stage, part by part; what was started is stopped again when a later part fails. */
export async function openStage(options: StageOptions): Promise<Stage> {
  const { terminal, repository, signal } = options;
  const dir = join(
    root,
    '.dogwatch/demo',
    `${new Date().toISOString().replace(/[:.]/g, '-')}-${process.pid}`,
  );
  const logDir = join(dir, 'logs');
  mkdirSync(logDir, { recursive: true });
  const undo: (() => Promise<unknown>)[] = [];
  const close = async ({ keepState }: { keepState: boolean }) => {
    for (const step of undo.splice(0).reverse())
      await step().catch((error) => terminal.line('setup', `while stopping: ${error}`));
    if (!keepState) await rm(dir, { recursive: true, force: true });
  };
  try {
    const say = (text: string) => terminal.line('setup', text);
    const engine = options.docker ? await acquireDockerEngine(logDir, say) : null;
    if (engine) undo.push(engine.release);
    signal.throwIfAborted();
    const secrets = {
      hook: secret(),
      telegram: secret(),
      operator: secret(),
      buildsPat: secret(),
      codePat: secret(),
      model: options.model === 'real' ? realKey() : `twin-${secret()}`,
    };
    const workerPort = await freePort();
    const workerUrl = `http://127.0.0.1:${workerPort}`;
    const npmRegistryUrl = await npmRegistry();

    const telegramToken = `7000000001:${secret()}`;
    const telegram = await createTelegramTwin({
      token: telegramToken,
      chats: Object.entries(CHATS).map(([name, chat]) =>
        name === 'operator'
          ? { id: chat.id, type: 'private' as const, firstName: OPERATOR.first_name }
          : { id: chat.id, type: 'supergroup' as const, title: chat.title },
      ),
      webhook: { url: `${workerUrl}/hooks/telegram`, secret: secrets.telegram },
    });
    undo.push(telegram.close);
    const anthropic = options.model === 'twin' ? await createAnthropicTwin({ apiKey: secrets.model }) : null;
    if (anthropic) undo.push(anthropic.close);
    const azure = await createAzureDevopsTwin({
      project: PROJECT,
      pat: secrets.buildsPat,
      codePat: secrets.codePat,
      ciEnv: { ...hostNetwork(process.env).ciEnv, ...options.ciEnv },
      npmCacheDir: join(root, '.dogwatch/npm-cache'),
      npmRegistryUrl,
      stepTimeoutMs: STEP_TIMEOUT_MS,
    });
    undo.push(azure.close);
    await azure.createRepository({
      name: repository.name,
      fromDir: repository.dir,
      extraFiles: repository.extraFiles,
      defaultBranch: repository.defaultBranch,
      pipeline: { definitionId: 1, name: `${repository.name}-ci` },
      prBuild: true,
    });
    say(
      `twins: Azure DevOps ${azure.url}, Telegram ${telegram.url}${anthropic ? `, Anthropic ${anthropic.url}` : ''}`,
    );

    const host = options.host ? await createHostTwin({ ...options.host, progress: say }) : null;
    if (host) {
      undo.push(host.close);
      say(`server staging: ${host.user}@${host.address}:${host.port}`);
    }

    const workerKeys = await generateKeyPair('demo-worker');
    const modelUrl = anthropic?.url ?? process.env.ANTHROPIC_BASE_URL;
    const modelSettings = {
      ANTHROPIC_API_KEY: secrets.model,
      ...(modelUrl ? { ANTHROPIC_BASE_URL: modelUrl } : {}),
    };
    const runners = await prepareRunners(
      { count: options.runners, dir, logDir, signal, progress: say },
      () => ({
        RUNNER_CACHE_DIR: join(root, '.dogwatch'),
        RUNNER_BACKEND: options.docker ? 'docker' : 'unsafe-process',
        WORKER_PUBLIC_KEYS: JSON.stringify(workerKeys.publicKeys),
        WORKER_URL: workerUrl,
        AZURE_DEVOPS_URL: azure.url,
        AZURE_DEVOPS_CODE_PAT: secrets.codePat,
        NPM_REGISTRY_URL: npmRegistryUrl,
        ...(host ? { RUNNER_HOSTS: JSON.stringify({ staging: hostSetting(host) }) } : {}),
        ...modelSettings,
      }),
    );
    const workerLog = createWriteStream(join(logDir, 'worker.log'));
    const worker = await startWorker({
      port: workerPort,
      stateDir: join(dir, 'state'),
      log: (line) => workerLog.write(`${line}\n`),
      settings: {
        AZURE_DEVOPS_URL: azure.url,
        AZURE_DEVOPS_PROJECTS: PROJECT,
        AZURE_DEVOPS_PAT: secrets.buildsPat,
        AZURE_DEVOPS_WEBHOOK_SECRET: secrets.hook,
        TELEGRAM_API_ROOT: telegram.url,
        TELEGRAM_BOT_TOKEN: telegramToken,
        TELEGRAM_WEBHOOK_SECRET: secrets.telegram,
        TELEGRAM_CHATS: telegramChatsSetting,
        OPERATOR_TELEGRAM_ID: String(OPERATOR.id),
        OPERATOR_TOKEN: secrets.operator,
        WORKER_SIGNING_KEY: JSON.stringify(workerKeys.signingKey),
        RUNNER_URLS: runners.map(({ name, url }) => `${name}=${url}`).join(','),
        RUNNER_PUBLIC_KEYS: JSON.stringify({ keys: runners.flatMap(({ keys }) => keys.publicKeys.keys) }),
        PUBLIC_URL: workerUrl,
        ...modelSettings,
      },
    });
    undo.push(worker.stop);
    signal.throwIfAborted();
    azure.subscribe({ url: `${worker.url}/hooks/azure-devops`, secret: secrets.hook });
    const ticker = setInterval(() => void worker.tick(Date.now()).catch(() => {}), 60_000);
    undo.push(async () => clearInterval(ticker));
    say(`Worker ${worker.url} in workerd, state in ${dir}`);
    for (const runner of runners) {
      undo.push(runner.stop);
      await runner.start();
      say(`runner ${runner.url}${engine ? `, Docker ${engine.version}` : ', no Docker: isolates nothing'}`);
    }

    return {
      azure,
      telegram,
      anthropic,
      host,
      runners,
      api: operatorApi(worker.url, secrets.operator),
      repository: repository.name,
      urls: {
        Worker: worker.url,
        Runner: runners.map(({ url }) => url).join(', '),
        'Azure DevOps': azure.url,
        Telegram: telegram.url,
        ...(anthropic ? { Anthropic: anthropic.url } : {}),
      },
      logDir,
      operatorToken: secrets.operator,
      findSecrets: () =>
        findSecrets(dir, {
          ...secrets,
          bot: telegramToken,
          'worker key': workerKeys.signingKey.d ?? '',
          ...Object.fromEntries(runners.map(({ name, keys }) => [`key of ${name}`, keys.signingKey.d ?? ''])),
        }),
      close,
    };
  } catch (error) {
    await close({ keepState: true });
    throw error;
  }
}

const hostSetting = ({ address, port, user, hostKeys, identityFile }: HostTwin) => ({
  address,
  port,
  user,
  hostKeys,
  identityFile,
  groups: ['sam'],
});

function realKey(): string {
  const key = process.env.ANTHROPIC_API_KEY;
  if (!key) throw new Error('--model real needs ANTHROPIC_API_KEY in the environment');
  return key;
}

async function npmRegistry(): Promise<string> {
  const { stdout } = await promisify(execFile)('npm', ['config', 'get', 'registry'], { cwd: root });
  return stdout.trim();
}
