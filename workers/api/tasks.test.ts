import { SELF } from 'cloudflare:test';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { migrateDatabase } from '../test/database.ts';
import { Outside, until } from '../test/outside.ts';

beforeAll(migrateDatabase);
beforeEach(() => void new Outside());

const ask = (group: string, body: unknown) =>
  SELF.fetch(`https://dogwatch.test/api/groups/${group}/tasks`, {
    method: 'POST',
    headers: { authorization: 'Bearer operator-token', 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

test('a group is asked something: a task of its own that ends visibly, here for want of a runner, with no word in the journal', async () => {
  const answer = await ask('sam', { text: 'Is staging well, says Dana?', id: 'first' });
  expect(answer.status).toBe(202);
  const { incident } = (await answer.json()) as { incident: string };
  const view = await until(async () => {
    const response = await SELF.fetch(`https://dogwatch.test/api/incidents/${incident}`, {
      headers: { authorization: 'Bearer operator-token' },
    });
    const { status, key, journal } = (await response.json()) as {
      status: string;
      key: string;
      journal: { type: string }[];
    };
    return status === 'escalated' ? { status, key, journal } : null;
  });
  expect(view).toMatchObject({ key: 'task/api/first' });
  expect(JSON.stringify(view.journal)).not.toContain('Dana');
});

test('asked again under the same id it is the same task', async () => {
  const first = (await (await ask('ryan', { text: 'x', id: 'same' })).json()) as { incident: string };
  const again = (await (await ask('ryan', { text: 'y', id: 'same' })).json()) as {
    incident: string;
    status: string;
  };
  expect(again).toEqual({ incident: first.incident, status: 'known' });
});

test('a group that is not of the crew, and words that are none, are refused', async () => {
  expect((await ask('nobody', { text: 'x' })).status).toBe(404);
  expect((await ask('sam', { text: ' ' })).status).toBe(400);
});
