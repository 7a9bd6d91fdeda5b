import { env, SELF } from 'cloudflare:test';
import { beforeAll, expect, test } from 'vitest';
import { incidentStub, runStub } from '../../durable-objects/stubs.ts';
import { judgement } from '../../durable-objects/test/specs.ts';
import { azureDevOps, buildHook, buildJson, failedInTest } from '../../workers/test/azure-devops.ts';
import { migrateDatabase } from '../../workers/test/database.ts';
import { modelSays } from '../../workers/test/model.ts';
import { Outside, until } from '../../workers/test/outside.ts';
import { telegramTakesAll } from '../../workers/test/telegram.ts';

/** People in what arrives. None of it may come to rest in a journal, a run's record or D1. */
const PEOPLE = {
  starter: 'Quentin Canaryfeld',
  starterMail: 'quentin.canaryfeld@example.com',
  author: 'Ottilie Zwitscher',
  message: 'Make Ottilie proud: round at last',
  stranger: 'Wanda Wellensittich',
  operator: 'Jan Sperling',
};
const names = new RegExp(Object.values(PEOPLE).join('|'));

const api = (method: string, path: string) =>
  SELF.fetch(`https://dogwatch.test/api${path}`, {
    method,
    headers: { authorization: 'Bearer operator-token' },
  });
const telegram = (update: unknown) =>
  SELF.fetch('https://dogwatch.test/hooks/telegram', {
    method: 'POST',
    headers: { 'x-telegram-bot-api-secret-token': 'telegram-secret', 'content-type': 'application/json' },
    body: JSON.stringify(update),
  });

const outside = new Outside();
let asked = '';

function answerAll(): void {
  const world = azureDevOps(outside);
  world.builds.push({
    ...buildJson({ id: 900 }),
    requestedFor: { displayName: PEOPLE.starter, uniqueName: PEOPLE.starterMail },
  });
  failedInTest(outside, [
    { id: 'a'.repeat(40), message: PEOPLE.message, author: { displayName: PEOPLE.author } },
  ]);
  telegramTakesAll(outside);
  outside.on(({ url, body }) => {
    if (url.host !== 'anthropic.test') return undefined;
    asked = JSON.stringify(body);
    return modelSays({ ...judgement, category: 'environment' });
  });
}

async function allOfD1(): Promise<Record<string, unknown[]>> {
  const { results } = await env.DB.prepare(
    `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'`,
  ).all<{ name: string }>();
  const tables: Record<string, unknown[]> = {};
  for (const { name } of results)
    tables[name] = (await env.DB.prepare(`SELECT * FROM "${name}"`).all()).results;
  return tables;
}

async function explained(): Promise<{ id: string; run: string; subjects: string[] }> {
  const id = await until(async () => {
    const row = await env.DB.prepare(`SELECT id FROM incidents WHERE status = 'explained'`).first<{
      id: string;
    }>();
    return row?.id;
  }, 20_000);
  const run = await env.DB.prepare('SELECT id FROM runs WHERE incident = ?').bind(id).first<{ id: string }>();
  const { results } = await env.DB.prepare('SELECT id FROM subjects WHERE object = ?')
    .bind(id)
    .all<{ id: string }>();
  return { id, run: run?.id ?? '', subjects: results.map((row) => row.id) };
}

beforeAll(async () => {
  await migrateDatabase();
  answerAll();
  const hook = buildHook('33333333-0000-4000-8000-000000000001', 900);
  await SELF.fetch('https://dogwatch.test/hooks/azure-devops', {
    method: 'POST',
    headers: { 'x-webhook-secret': 'hook-new' },
    body: JSON.stringify(hook),
  });
  const chat = { id: 1, type: 'private' };
  const wanda = { id: 99, is_bot: false, first_name: 'Wanda', last_name: 'Wellensittich' };
  const jan = { id: 4711, is_bot: false, first_name: 'Jan', last_name: 'Sperling' };
  await telegram({ update_id: 1, message: { message_id: 1, date: 1, chat, from: wanda, text: 'hello' } });
  await telegram({ update_id: 2, message: { message_id: 2, date: 1, chat, from: jan, text: '/status' } });
  await explained();
  await until(
    async () =>
      (await env.DB.prepare(`SELECT 1 FROM audit WHERE action = 'stranger_ignored'`).first()) !== null,
  );
}, 40_000);

test('a model reads what people wrote, and no journal, run record or row of D1 holds it', async () => {
  const { id, run } = await explained();
  expect(asked).toContain(PEOPLE.message);
  expect(JSON.stringify(await incidentStub(env, id).view())).not.toMatch(names);
  expect(JSON.stringify(await runStub(env, run).view())).not.toMatch(names);
  for (const [table, rows] of Object.entries(await allOfD1()))
    expect(JSON.stringify(rows), table).not.toMatch(names);
});

test('the incident shows its artifacts with where they came from', async () => {
  const { id } = await explained();
  const shown = (await (await api('GET', `/incidents/${id}`)).json()) as { artifacts: unknown[] };
  expect(shown.artifacts).toHaveLength(2);
  expect(shown.artifacts).toContainEqual(
    expect.objectContaining({ name: 'failed-step-log', kind: 'log', version: 1, producedBy: id }),
  );
});

test('the judgement is a row with who judged, in which run, and why', async () => {
  const { id, run } = await explained();
  const { items } = (await (await api('GET', `/audit?incident=${id}&action=judged`)).json()) as {
    items: unknown[];
  };
  expect(items).toMatchObject([{ actor: 'ryan', agent: 'ryan', run, reasoning: judgement.reasoning }]);
});

test('a deleted person is gone from every text, and every chain still holds', async () => {
  const { id, subjects } = await explained();
  const incident = incidentStub(env, id);
  const textOf = (subject: string) => incident.resolveText(`⟦sub:${subject}⟧`);
  const texts = await Promise.all(subjects.map(textOf));
  expect(texts).toEqual(expect.arrayContaining([PEOPLE.author, PEOPLE.message]));
  const chat = async () => JSON.stringify(await (await api('GET', '/groups/ryan/messages')).json());
  expect(await chat()).toContain(PEOPLE.message);

  for (const subject of subjects) {
    expect((await api('DELETE', `/subjects/${subject}`)).status).toBe(200);
    expect(await textOf(subject)).toBe('(deleted)');
  }
  expect((await api('DELETE', `/subjects/${subjects[0]}`)).status, 'again').toBe(200);
  expect((await api('DELETE', `/subjects/sub_${'0'.repeat(26)}`)).status).toBe(404);
  expect(await chat()).not.toMatch(names);
  expect(await chat()).toContain('(deleted)');

  expect(await incident.replay()).toMatchObject({ identical: true });
  await until(async () => {
    const row = await env.DB.prepare(
      `SELECT count(*) AS n FROM audit WHERE chain = ? AND action = 'subject_deleted'`,
    )
      .bind(id)
      .first<{ n: number }>();
    return row?.n === subjects.length;
  });
  const verified = (await (await api('GET', `/audit/verify?chain=${id}`)).json()) as { fault: unknown };
  expect(verified.fault).toBeNull();
});
