import fc from 'fast-check';
import { expect, test } from 'vitest';
import { headAndTail, redactHostOutput, withoutControls } from './host-output.ts';

const CANARY = 'kanarienvogel42';

test.each([
  `POSTGRES_PASSWORD=${CANARY}`,
  `"Env": ["DB_PASSWORD=${CANARY}","PATH=/bin"]`,
  `"api_key": "${CANARY}"`,
  `'client-secret' : '${CANARY}'`,
  `mysqld --password=${CANARY} --port 1`,
  `worker --auth-token ${CANARY} --port 1`,
  `AZURE_DEVOPS_PAT=${CANARY}`,
  `postgres://app:${CANARY}@db/app`,
  `Authorization: Bearer ${CANARY}`,
  `Authorization: Basic ${CANARY}`,
  `-----BEGIN OPENSSH PRIVATE KEY-----\n${CANARY}\n-----END OPENSSH PRIVATE KEY-----`,
  `-----BEGIN RSA PRIVATE KEY-----\n${CANARY}`,
  `AccessKey=${CANARY};Endpoint=x`,
])('a secret is struck out of: %s', (text) => {
  const clean = redactHostOutput(text);
  expect(clean).not.toContain(CANARY);
  expect(clean).toContain('[redacted]');
});

test('what is not a secret stays', () => {
  const text = [
    'web  Up 3 hours (healthy)  0.0.0.0:80->80/tcp',
    '/dev/vda1  40G  31G  9G  78% /',
    'root  1  0.0  0.1  /sbin/init --port 80',
    'GET https://example.org/tokens?page=2 200',
    'PATH=/usr/bin',
  ].join('\n');
  expect(redactHostOutput(text)).toBe(text);
});

test('megabytes made to be slow are not', () => {
  const began = performance.now();
  for (const unit of ['a.', 'token-', 'ey-', '--key ', '-----BEGIN ', 'a://b:', '"\'=:'])
    redactHostOutput(unit.repeat(1_000_000 / unit.length));
  expect(performance.now() - began).toBeLessThan(10_000);
});

test('terminal tricks are taken out, lines and tabs stay', () => {
  expect(withoutControls('\u001b[31mred\u001b[0m\tx\r\ny\u0000\u001b]0;title\u0007z\u202eabc')).toBe(
    'red\tx\nyzabc',
  );
});

test('a bounded text keeps head and tail, in whole characters, within the bound', () => {
  expect(headAndTail('short', 100)).toBe('short');
  const text = `first\n${'ä🐕'.repeat(5_000)}\nlast`;
  const cut = headAndTail(text, 8_192);
  expect(cut.startsWith('first\n')).toBe(true);
  expect(cut.endsWith('\nlast')).toBe(true);
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 300, maxLength: 600 }), (long) => {
      const bounded = headAndTail(long.toWellFormed(), 256);
      expect(new TextEncoder().encode(bounded).length).toBeLessThanOrEqual(256 + 4);
    }),
  );
});
