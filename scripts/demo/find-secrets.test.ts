import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { findSecrets } from './find-secrets.ts';

const folder = mkdtempSync(join(tmpdir(), 'dogwatch-secrets-'));
mkdirSync(join(folder, 'state/private'), { recursive: true });
mkdirSync(join(folder, 'logs'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('finds a secret in every spelling where it must not lie, and knows when it is blind', async () => {
  const secrets = { pat: 'k3y-of-the-code-host', hook: 'another-secret-text' };
  expect(await findSecrets(folder, secrets)).toEqual([expect.stringContaining('blind')]);
  writeFileSync(join(folder, 'state/private/settings.env'), `PAT=${secrets.pat}\n`);
  expect(await findSecrets(folder, secrets)).toEqual([]);
  writeFileSync(join(folder, 'logs/a.log'), `Basic ${Buffer.from(`:${secrets.pat}`).toString('base64')}`);
  writeFileSync(
    join(folder, 'logs/b.log'),
    Buffer.concat([Buffer.from([0, 255]), Buffer.from(secrets.hook)]),
  );
  expect((await findSecrets(folder, secrets)).sort()).toEqual([
    'the secret "hook" lies in logs/b.log',
    'the secret "pat" lies in logs/a.log',
  ]);
});
