import { describe, expect, it } from 'vitest';
import {
  azureDevOpsSettings,
  budgetCaps,
  maxConcurrentRuns,
  runnerUrls,
  SettingError,
  settingProblems,
  telegramChats,
  telegramSettings,
  workerSigningKey,
} from './env.ts';

const azure = {
  AZURE_DEVOPS_URL: 'https://dev.azure.com/acme/',
  AZURE_DEVOPS_PROJECTS: 'Shop, Other Things ,',
  AZURE_DEVOPS_PAT: 'new,old',
};

describe('settings', () => {
  it('are read with lists split, slashes trimmed and the newer secret used', () => {
    expect(azureDevOpsSettings(azure)).toEqual({
      url: 'https://dev.azure.com/acme',
      organisation: 'acme',
      projects: ['Shop', 'Other Things'],
      pat: 'new',
    });
    const collection = { ...azure, AZURE_DEVOPS_URL: 'https://tfs.example.com/tfs/Default%20Collection' };
    expect(azureDevOpsSettings(collection).organisation).toBe('Default Collection');
  });

  it('say by name what is missing or wrong and what to do, without the value', () => {
    const read = (settings: Record<string, string>) => () => azureDevOpsSettings({ ...azure, ...settings });
    expect(read({ AZURE_DEVOPS_PAT: ' ' })).toThrow(
      /^AZURE_DEVOPS_PAT: is not set; make a personal access token/,
    );
    expect(read({ AZURE_DEVOPS_URL: 'ftp://secret@x' })).toThrow(SettingError);
    expect(read({ AZURE_DEVOPS_URL: 'ftp://secret@x' })).not.toThrow(/secret/);
    expect(read({ AZURE_DEVOPS_URL: 'https://dev.azure.com' })).toThrow(/names no organisation/);
    expect(read({ AZURE_DEVOPS_PROJECTS: ',' })).toThrow(/AZURE_DEVOPS_PROJECTS/);
  });

  it('place each group in a chat, the operator by default in the private one', () => {
    const settings = { OPERATOR_TELEGRAM_ID: '7', TELEGRAM_CHATS: 'ryan=-1001:5, cody=@room' };
    expect([...telegramChats(settings)]).toEqual([
      ['operator', { chat: '7', thread: null }],
      ['ryan', { chat: '-1001', thread: 5 }],
      ['cody', { chat: '@room', thread: null }],
    ]);
    expect(telegramChats({ ...settings, TELEGRAM_CHATS: 'operator=-9' }).get('operator')?.chat).toBe('-9');
    expect(() => telegramChats({ TELEGRAM_CHATS: 'ryan' })).toThrow(/^TELEGRAM_CHATS/);
    expect(telegramSettings({ TELEGRAM_BOT_TOKEN: 't' }).apiRoot).toBe('https://api.telegram.org');
  });

  it('name runners, and take keys as JWK', () => {
    expect([...runnerUrls({ RUNNER_URLS: 'a=http://x:1/,b=https://y' })]).toEqual([
      ['a', 'http://x:1'],
      ['b', 'https://y'],
    ]);
    expect(() => runnerUrls({ RUNNER_URLS: 'http://x' })).toThrow(/^RUNNER_URLS/);
    const key = { kty: 'OKP', crv: 'Ed25519', kid: 'k', x: 'x', d: 'secret' };
    expect(workerSigningKey({ WORKER_SIGNING_KEY: JSON.stringify(key) }).kid).toBe('k');
    for (const text of ['{', '{}', JSON.stringify({ ...key, d: undefined })])
      expect(() => workerSigningKey({ WORKER_SIGNING_KEY: text })).toThrow(/^WORKER_SIGNING_KEY/);
  });

  it('cap what is spent: by month, by day, by group and day; what cannot be read is no leave to spend', () => {
    const caps = budgetCaps({ MONTHLY_BUDGET_USD: '200', GROUP_DAILY_BUDGET_USD: 'cody=20, ryan=0.50,*=5' });
    expect(caps).toMatchObject({ monthMicroUsd: 200_000_000, dayMicroUsd: null });
    expect(['cody', 'ryan', 'sam'].map(caps.groupDayMicroUsd)).toEqual([20_000_000, 500_000, 5_000_000]);
    expect(budgetCaps({ GROUP_DAILY_BUDGET_USD: '7' }).groupDayMicroUsd('sam')).toBe(7_000_000);
    expect(budgetCaps({}).groupDayMicroUsd('sam')).toBeNull();
    for (const text of ['twenty', '-1', '1e3', '1,5', '$5', '20 USD'])
      expect(() => budgetCaps({ DAILY_BUDGET_USD: text })).toThrow(/^DAILY_BUDGET_USD: is not a sum/);
    for (const text of ['cody=', '=5', 'cody=5=6,', 'Cody=1'])
      expect(() => budgetCaps({ GROUP_DAILY_BUDGET_USD: text })).toThrow(/^GROUP_DAILY_BUDGET_USD/);
  });

  it('limit how many containers run at once', () => {
    expect([maxConcurrentRuns({}), maxConcurrentRuns({ MAX_CONCURRENT_RUNS: '3' })]).toEqual([15, 3]);
    for (const text of ['0', '-1', 'many', '1000'])
      expect(() => maxConcurrentRuns({ MAX_CONCURRENT_RUNS: text })).toThrow(/^MAX_CONCURRENT_RUNS/);
  });

  it('that are missing close their own doors only, and all are told at once', () => {
    const problems = settingProblems({ ...azure, OPERATOR_TOKEN: 't' }).map(({ setting }) => setting);
    expect(problems).toContain('TELEGRAM_BOT_TOKEN');
    expect(problems).toContain('RUNNER_URLS');
    expect(problems).not.toContain('AZURE_DEVOPS_PAT');
    expect(problems).not.toContain('GITHUB_TOKEN');
  });
});
