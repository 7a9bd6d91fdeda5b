import { env, SELF } from 'cloudflare:test';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AzureWorld, azureDevOps, buildJson } from '../../test/azure-devops.ts';
import { migrateDatabase } from '../../test/database.ts';
import { openIncident } from '../../test/incident.ts';
import { Outside, until } from '../../test/outside.ts';

let outside: Outside;
let world: AzureWorld;
let update = 1_000;
let messageId = 0;
beforeAll(migrateDatabase);
beforeEach(() => {
  outside = new Outside();
  world = azureDevOps(outside);
  outside.json('POST', /^\/bot/, () => {
    messageId += 1;
    return { ok: true, result: { message_id: messageId } };
  });
});

const operator = { id: 4711, is_bot: false, first_name: 'Jan' };
const post = (body: object, secret = 'telegram-secret') =>
  SELF.fetch('https://dogwatch.test/hooks/telegram', {
    method: 'POST',
    headers: { 'x-telegram-bot-api-secret-token': secret, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

/** Says something in a chat of its own and gives what is answered there. */
async function ask(text: string): Promise<string> {
  update += 1;
  const chat = { id: update };
  await post({ update_id: update, message: { message_id: 1, date: 1, chat, from: operator, text } });
  return until(async () => {
    const said = outside
      .asked('POST', /sendMessage/)
      .map(({ body }) => body as { chat_id: string; text: string });
    return said.find(({ chat_id }) => chat_id === String(chat.id))?.text;
  });
}

describe('the Telegram hook', () => {
  it('answers 401 to a wrong secret', async () => {
    expect((await post({ update_id: 1 }, 'wrong')).status).toBe(401);
  });

  it('ignores strangers, tells them nothing, and audits them without their name in the chain', async () => {
    const from = { id: 666, is_bot: false, first_name: 'Mallory' };
    const response = await post({
      update_id: 5,
      message: { message_id: 1, date: 1, chat: { id: 666 }, from, text: '/stop' },
    });
    expect(response.status).toBe(200);
    const row = await until(() =>
      env.DB.prepare(`SELECT * FROM audit WHERE action = 'stranger_ignored'`).first<{
        data: string;
        actor: string;
      }>(),
    );
    expect(row.actor).toMatch(/^sub_/);
    expect(row.data).not.toMatch(/Mallory|666/);
    expect(outside.requests).toHaveLength(0);
  });

  it('answers every message: what it understands and what it does not', async () => {
    expect(await ask('/help')).toContain('check the pipeline');
    expect(await ask('make me a coffee')).toContain('do not understand');
    expect(await ask('/status')).toMatch(/Running|Stopped/);
  });

  it('stops and resumes', async () => {
    expect(await ask('/stop')).toContain('Stopped');
    expect(await ask('/status')).toContain('Stopped');
    expect(await ask('/resume')).toContain('Going on');
    expect(await ask('/status')).toContain('Running');
  });

  it('takes a repeated update once', async () => {
    const body = {
      update_id: 77,
      message: { message_id: 1, date: 1, chat: { id: 77 }, from: operator, text: '/help' },
    };
    expect(await (await post(body)).json()).toMatchObject({ status: 'accepted' });
    expect(await (await post(body)).json()).toMatchObject({ status: 'duplicate' });
  });

  it('checks the pipeline: the newest failed build of each branch is taken up once', async () => {
    const old = { ...buildJson({ id: 40, ref: 'refs/heads/old' }), finishTime: '2020-01-01T00:00:00Z' };
    world.builds.push(
      buildJson({ id: 50, result: 'succeeded', ref: 'refs/heads/green' }),
      buildJson({ id: 49, ref: 'refs/heads/green' }),
      buildJson({ id: 48, ref: 'refs/heads/red' }),
      old,
    );
    outside.json('GET', /^\/demo\/Tools\/_apis\/build\/builds\?/, () => ({ value: [] }));
    const answer = await ask('@Team check the pipeline');
    expect(answer).toContain('1 failed');
    expect(answer).toContain('<b>red</b>');
    expect(answer).toContain('1 of 2');
    await until(() => env.DB.prepare(`SELECT 1 FROM incidents WHERE key LIKE '%/refs/heads/red'`).first());
    expect(await ask('check the pipeline')).toContain('known already');
    outside.json(
      'GET',
      /^\/demo\/Tools\/_apis\/build\/builds\?/,
      () => ({ message: 'no such project' }),
      404,
    );
    const partly = await ask('check the pipeline');
    expect(partly).toContain('known already');
    expect(partly).toContain('Project Tools was not checked');
  });

  it('brings a decision to its incident and says at the button when nothing waits for it', async () => {
    const incident = await openIncident('refs/heads/decided', 600);
    const press = (id: string) => ({
      update_id: Number(id),
      callback_query: { id, from: operator, chat_instance: 'x', data: `ok:${incident}:1` },
    });
    expect((await post(press('8001'))).status).toBe(200);
    const answered = await until(async () => outside.asked('POST', /answerCallbackQuery/)[0]);
    expect(answered.body).toMatchObject({
      callback_query_id: '8001',
      text: 'That no longer waits for a decision.',
    });
  });
});
