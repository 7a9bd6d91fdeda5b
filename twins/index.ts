/**
 * `npm run twins`: starts every twin there is, prints `NAME URL` for each and runs until SIGINT or SIGTERM.
 * Settings come from the environment under the names the Worker and the runner use; ports from `TWIN_<NAME>_PORT`.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createAnthropicTwin } from './anthropic/index.ts';
import { hostNetwork } from './azure-devops/host-network.ts';
import { createAzureDevopsTwin } from './azure-devops/index.ts';
import { createTelegramTwin } from './telegram/index.ts';

type Started = { name: string; url: string; close(): Promise<void> };
type Environment = Record<string, string | undefined>;

const sampleDir = fileURLToPath(new URL('../examples/parcel-rates', import.meta.url));

async function startAzureDevops(env: Environment): Promise<Started> {
  const { PUBLIC_URL: publicUrl, AZURE_DEVOPS_WEBHOOK_SECRET: secret } = env;
  const twin = await createAzureDevopsTwin({
    pat: env.AZURE_DEVOPS_PAT ?? 'twin-builds-token',
    ...optional('codePat', env.AZURE_DEVOPS_CODE_PAT),
    ...hostNetwork(env),
    ...optional('npmCacheDir', env.TWIN_NPM_CACHE),
    developerPassword: env.TWIN_DEVELOPER_PASSWORD ?? 'developer',
    port: portOf(env, 'AZURE_DEVOPS'),
    ...(publicUrl === undefined
      ? {}
      : { hooks: { url: `${publicUrl}/hooks/azure-devops`, ...optional('secret', firstOf(secret)) } }),
  });
  const fromDir = env.TWIN_REPOSITORY ?? sampleDir;
  if (existsSync(fromDir)) {
    await twin.createRepository({
      name: 'parcel-rates',
      fromDir,
      pipeline: { definitionId: 1, name: 'parcel-rates-ci' },
      prBuild: true,
    });
  }
  return { name: 'azure-devops', url: twin.url, close: () => twin.close() };
}

async function startTelegram(env: Environment): Promise<Started> {
  const { PUBLIC_URL: publicUrl, TELEGRAM_WEBHOOK_SECRET: secret } = env;
  const twin = await createTelegramTwin({
    token: env.TELEGRAM_BOT_TOKEN ?? '7000000001:twin-bot-token',
    port: portOf(env, 'TELEGRAM'),
    ...(publicUrl === undefined
      ? {}
      : { webhook: { url: `${publicUrl}/hooks/telegram`, ...optional('secret', firstOf(secret)) } }),
  });
  return { name: 'telegram', url: twin.url, close: () => twin.close() };
}

async function startAnthropic(env: Environment): Promise<Started> {
  const twin = await createAnthropicTwin({ port: portOf(env, 'ANTHROPIC') });
  return { name: 'anthropic', url: twin.url, close: () => twin.close() };
}

/** While a secret is being rotated it reads `new,old`: the outside sends the new one. */
function firstOf(secret: string | undefined): string | undefined {
  return secret?.split(',')[0];
}

function optional<Name extends string>(name: Name, value: string | undefined): { [key in Name]?: string } {
  return (value === undefined || value === '' ? {} : { [name]: value }) as { [key in Name]?: string };
}

function portOf(env: Environment, name: string): number {
  return Number(env[`TWIN_${name}_PORT`] ?? 0);
}

const started = await Promise.all([
  startAzureDevops(process.env),
  startTelegram(process.env),
  startAnthropic(process.env),
]);
for (const twin of started) console.log(`${twin.name} ${twin.url}`);

let stopping = false;
const stop = async (): Promise<void> => {
  if (stopping) return;
  stopping = true;
  await Promise.all(started.map((twin) => twin.close()));
  process.exit(0);
};
process.on('SIGINT', () => void stop());
process.on('SIGTERM', () => void stop());
