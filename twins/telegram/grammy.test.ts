/** The client library that the Worker uses, against the twin. */
import { Bot, GrammyError } from 'grammy';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTelegramTwin, type TelegramTwin } from './index.ts';

const token = '7000000001:test-token';
let twin: TelegramTwin;
let bot: Bot;
beforeEach(async () => {
  twin = await createTelegramTwin({ token, chats: [{ id: 42, firstName: 'Jan' }] });
  bot = new Bot(token, { client: { apiRoot: twin.url } });
  await bot.init();
});
afterEach(() => twin.close());

it('grammY sends, edits and handles a press', async () => {
  expect(bot.botInfo.can_read_all_group_messages).toBe(true);
  const sent = await bot.api.sendMessage(42, '<b>PR ready</b>', {
    parse_mode: 'HTML',
    reply_markup: { inline_keyboard: [[{ text: 'Approve', callback_data: 'approve:1' }]] },
  });
  bot.on('callback_query:data', async (context) => {
    await context.answerCallbackQuery({ text: 'Approved' });
    await context.editMessageText(`approved by ${context.from.first_name}`);
  });
  twin.press({ chatId: 42, button: 'Approve', from: { id: 42, first_name: 'Jan' } });
  for (const update of await bot.api.getUpdates()) await bot.handleUpdate(update);
  expect(twin.callbackAnswers()).toMatchObject([{ text: 'Approved' }]);
  expect(twin.messages(42)).toMatchObject([
    { messageId: sent.message_id, text: 'approved by Jan', history: [{ text: 'PR ready' }] },
  ]);
});

it('grammY understands the refusals', async () => {
  const refused = await bot.api.sendMessage(999, 'x').catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(GrammyError);
  expect(refused).toMatchObject({ error_code: 400, description: 'Bad Request: chat not found' });
});
