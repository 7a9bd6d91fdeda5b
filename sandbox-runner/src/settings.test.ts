import { describe, expect, test } from 'vitest';
import { generateKeyPair } from '../../wire/keys.ts';
import { createLogger, createRedactor } from './logger.ts';
import { parseSettings, secretsOf } from './settings.ts';

const pair = await generateKeyPair('runner-1');
const GOOD = {
  RUNNER_SIGNING_KEY: JSON.stringify(pair.signingKey),
  WORKER_URL: 'http://127.0.0.1:8787/',
  WORKER_PUBLIC_KEYS: JSON.stringify(pair.publicKeys),
  AZURE_DEVOPS_URL: 'https://dev.azure.example/acme',
  AZURE_DEVOPS_CODE_PAT: 'pat-1234567890',
};

describe('settings', () => {
  test('have defaults, and names without a slash at the end', () => {
    const parsed = parseSettings({
      ...GOOD,
      RUNNER_PUBLIC_URL: 'https://runner.example',
      ANTHROPIC_API_KEY: '',
    });
    expect(parsed).toMatchObject({
      ok: true,
      settings: {
        port: 8788,
        authority: 'runner.example',
        workerUrl: 'http://127.0.0.1:8787',
        workerAuthority: '127.0.0.1:8787',
        anthropicApiKey: null,
        backend: 'docker',
      },
    });
  });

  test('that are missing or wrong are named, never quoted', () => {
    const parsed = parseSettings({
      ...GOOD,
      WORKER_URL: undefined,
      RUNNER_PORT: 'many',
      RUNNER_BACKEND: 'none',
    });
    if (parsed.ok) throw new Error('parsed');
    expect(parsed.faults).toHaveLength(3);
    expect(parsed.faults).toContain('WORKER_URL is not set');
    const bad = parseSettings({ ...GOOD, RUNNER_SIGNING_KEY: '{"d":"very-secret"}' });
    expect(JSON.stringify(bad)).toContain('RUNNER_SIGNING_KEY');
    expect(JSON.stringify(bad)).not.toContain('very-secret');
  });
});

describe('the log', () => {
  test('strikes out secrets in every spelling, in causes of errors too', () => {
    const parsed = parseSettings(GOOD);
    if (!parsed.ok) throw new Error(parsed.faults.join());
    const lines: string[] = [];
    const secrets = secretsOf(parsed.settings);
    const logger = createLogger({
      redact: createRedactor(secrets),
      write: (line) => lines.push(line),
      nowMs: () => 0,
    });
    const basic = Buffer.from(`:${GOOD.AZURE_DEVOPS_CODE_PAT}`).toString('base64');
    const error = new Error('outer', { cause: new Error(`Authorization: Basic ${basic}`) });
    logger.error(`sent ${GOOD.AZURE_DEVOPS_CODE_PAT}`, { error, key: pair.signingKey.d });
    expect(lines.join()).not.toMatch(
      new RegExp(`${GOOD.AZURE_DEVOPS_CODE_PAT}|${basic}|${pair.signingKey.d}`),
    );
    expect(lines.join()).toContain('[redacted]');
  });
});
