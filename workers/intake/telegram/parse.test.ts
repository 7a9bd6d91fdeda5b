import { describe, expect, it } from 'vitest';
import { describeSamples } from '../../test/samples.ts';
import { parseUpdate } from './parse.ts';

const OPERATOR = '4711';
const from = { id: 4711, is_bot: false, first_name: 'Jan', username: 'jan' };
const INCIDENT = `inc_${'0'.repeat(26)}`;
const press = (data: string, by: object = from) =>
  parseUpdate({ update_id: 9, callback_query: { id: 'cb', from: by, chat_instance: 'x', data } }, OPERATOR);

describe('an update of Telegram', () => {
  it('of the operator is a text, in its chat and forum topic', () => {
    const message = { message_id: 3, date: 1, chat: { id: -1001 }, from, text: '@Team check the pipeline' };
    expect(parseUpdate({ update_id: 1, message }, OPERATOR)).toMatchObject({
      kind: 'event',
      payload: { kind: 'operator_text', place: { chat: '-1001', thread: null }, by: 'Jan (@jan)' },
    });
    const inTopic = { ...message, message_thread_id: 7, is_topic_message: true };
    expect(parseUpdate({ update_id: 1, message: inTopic }, OPERATOR)).toMatchObject({
      payload: { place: { chat: '-1001', thread: 7 } },
    });
  });

  it('that was forwarded holds the words of somebody else', () => {
    const message = { message_id: 3, date: 1, chat: { id: -1001 }, from, text: '/stop' };
    const forward_origin = { type: 'hidden_user', sender_user_name: 'Mallory', date: 1 };
    expect(parseUpdate({ update_id: 1, message: { ...message, forward_origin } }, OPERATOR)).toMatchObject({
      payload: { isForwarded: true },
    });
    expect(parseUpdate({ update_id: 1, message }, OPERATOR)).toMatchObject({
      payload: { isForwarded: false },
    });
  });

  it('of anyone else is a stranger’s, pressed buttons included', () => {
    const stranger = { id: 666, is_bot: false, first_name: 'Mallory' };
    const message = { message_id: 3, date: 1, chat: { id: 4711 }, from: stranger, text: '/stop' };
    expect(parseUpdate({ update_id: 1, message }, OPERATOR)).toMatchObject({
      kind: 'stranger',
      sender: '666',
    });
    expect(press(`ok:${INCIDENT}:1`, stranger)).toMatchObject({ kind: 'stranger' });
  });

  it('with a button of ours is a decision on exactly one attempt', () => {
    expect(press(`ok:${INCIDENT}:2`)).toMatchObject({
      payload: { kind: 'decision', incident: INCIDENT, attempt: 2, verdict: 'approved', via: 'telegram' },
    });
    expect(press(`no:${INCIDENT}:1`)).toMatchObject({ payload: { verdict: 'denied' } });
    for (const data of ['', 'ok', `ok:${INCIDENT}`, `yes:${INCIDENT}:1`, `ok:${INCIDENT}:1:2`, `ok:inc_x:1`])
      expect(press(data)).toMatchObject({ payload: { kind: 'stray_button' } });
  });

  it('without text is answered when a person sent it, and let be when it is a notice', () => {
    const message = { message_id: 1, chat: { id: 7 }, from: { id: Number(OPERATOR) } };
    const kindOf = (about: object) =>
      parseUpdate({ update_id: 1, message: { ...message, ...about } }, OPERATOR).kind;
    expect(kindOf({ voice: { file_id: 'x' } })).toBe('event');
    expect(kindOf({ photo: [{ file_id: 'x' }] })).toBe('event');
    expect(kindOf({ pinned_message: { message_id: 2 } })).toBe('other');
  });

  it('that nobody is to act on is no event, and one that is no update is malformed', () => {
    expect(parseUpdate({ update_id: 1, my_chat_member: { chat: { id: 1 } } }, OPERATOR)).toEqual({
      kind: 'other',
      update: 1,
      type: 'my_chat_member',
    });
    expect(parseUpdate({ update_id: 1, channel_post: { text: '/stop' } }, OPERATOR).kind).toBe('other');
    expect(parseUpdate({}, OPERATOR).kind).toBe('malformed');
    expect(parseUpdate(null, OPERATOR).kind).toBe('malformed');
  });
});

const samples = import.meta.glob('samples/telegram/{Update,update-*}.json', {
  query: '?raw',
  import: 'default',
  eager: true,
});

describeSamples('a published update is read, and is not the operator’s', samples, (_, text) => {
  const value = JSON.parse(text) as { result?: unknown[] };
  expect(['stranger', 'other']).toContain(parseUpdate(value.result?.[0] ?? value, OPERATOR).kind);
});
