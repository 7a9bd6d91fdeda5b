import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { MAX_TRIES } from '../../core/outbox/backoff.ts';
import type { OutboxItem } from '../shared/outbox.ts';
import { sqlOf } from '../shared/sql.ts';
import { groupMessage } from '../test/group-message.ts';
import { GroupQueueStore } from './group-queue-store.ts';

const said = (id: string, change = {}) => ({
  id,
  thread: 'chat',
  from: 'operator',
  text: `text of ${id}`,
  attachment: null,
  priority: 2 as const,
  reply: { chat: '-1', thread: null },
  isOwnTask: false,
  at: 1,
  ...change,
});

let count = 0;
async function withQueue(check: (queue: GroupQueueStore) => void, maxConcurrent = 2): Promise<void> {
  count += 1;
  await runInDurableObject(env.GROUP_QUEUE.getByName(`queue-${count}`), async (_, state) => {
    check(new GroupQueueStore(sqlOf(state.storage), 'cody', maxConcurrent, () => {}));
    await state.storage.deleteAlarm();
  });
}

const failure = (nowMs: number, retryable = true) => ({
  error: 'no answer',
  retryable,
  retryAfterMs: null,
  nowMs,
  random: 0,
});

/** What still has to be done, by key. */
const pending = (queue: GroupQueueStore): string[] =>
  queue.outbox.items().flatMap(({ key, state }) => (state === 'pending' ? [key] : []));
const item = (queue: GroupQueueStore, key: string): OutboxItem => {
  const found = queue.outbox.get(key);
  if (found === null) throw new Error(`no ${key}`);
  return found;
};
/** As the outbox does it: each try counted before it is made, until the item is dead. */
function exhaust(queue: GroupQueueStore, key: string): void {
  for (let n = 1; n <= MAX_TRIES; n++) {
    queue.outbox.begin(key);
    queue.fail(item(queue, key), failure(n));
  }
}
const letters = (queue: GroupQueueStore) =>
  queue.projections
    .next(100)
    .flatMap(({ projection }) => (projection.table === 'dead_letters' ? [projection.row] : []));

describe('turns', () => {
  test('go one at a time per thread; ending one grants the next of its thread', () =>
    withQueue((queue) => {
      expect(queue.enqueue(groupMessage('a', 't'), false, 1)).toEqual({ state: 'active', position: 0 });
      expect(queue.enqueue(groupMessage('b', 't'), false, 1)).toEqual({ state: 'waiting', position: 1 });
      expect(queue.enqueue(groupMessage('c', 'u'), false, 1)).toEqual({ state: 'active', position: 0 });
      expect(queue.enqueue(groupMessage('d', 'v'), false, 1)).toEqual({ state: 'waiting', position: 1 });
      expect(queue.get('b')?.position).toBe(2);
      queue.endTurn('a', 2);
      expect(queue.get('d')?.state).toBe('active');
      expect(queue.get('b')).toMatchObject({ state: 'waiting', position: 1 });
      queue.endTurn('c', 3);
      queue.endTurn('c', 3);
      expect(queue.get('b')?.state).toBe('active');
      expect(pending(queue)).toEqual(['grant:a', 'grant:c', 'grant:d', 'grant:b']);
    }));

  test('a message that is sent again is the same message', () =>
    withQueue((queue) => {
      queue.enqueue(groupMessage('a', 't'), true, 1);
      queue.enqueue(groupMessage('a', 't', { text: 'other' }), true, 1);
      expect(queue.messages(null, 10)).toMatchObject([{ text: 'text of a' }]);
      expect(queue.outbox.items()).toHaveLength(2);
    }));

  test('what asks for no turn is kept and blocks nobody', () =>
    withQueue((queue) => {
      const note = groupMessage('a', 't', { turn: false });
      expect(queue.enqueue(note, false, 1)).toEqual({ state: 'noted', position: 0 });
      expect(queue.enqueue(groupMessage('b', 't'), false, 1).state).toBe('active');
    }));

  test('a turn whose incident waits no more ends at once', () =>
    withQueue((queue) => {
      queue.enqueue(groupMessage('a', 't'), false, 1);
      queue.succeeded(item(queue, 'grant:a'), { unwanted: true }, 2);
      expect(queue.get('a')?.state).toBe('done');
    }));

  test('a turn that is held for very long is looked after, and D1 knows when', () =>
    withQueue((queue) => {
      queue.enqueue(groupMessage('a', 't'), false, 1);
      const at = queue.nextLookAt() ?? 0;
      expect(at).toBeGreaterThan(60 * 60_000);
      queue.look(at - 1);
      queue.look(at);
      expect(pending(queue)).toEqual(['grant:a', `look:a:${at}`]);
      expect(queue.nextLookAt()).toBeGreaterThan(at);
      queue.endTurn('a', at + 1);
      const timers = queue.projections
        .next(10)
        .flatMap(({ projection }) => (projection.table === 'timers' ? [projection.row] : []));
      expect(timers.map(({ seq }) => seq)).toEqual([1, 2, 3]);
      expect(timers.at(-1)?.dueAt).toBeNull();
    }));
});

describe('a turn that fails', () => {
  test('that cannot be handed over is parked, visible, and blocks nobody, in its own thread neither', () =>
    withQueue((queue) => {
      queue.enqueue(groupMessage('poison', 't'), false, 1);
      queue.enqueue(groupMessage('next', 't'), false, 1);
      exhaust(queue, 'grant:poison');
      expect(queue.get('poison')).toMatchObject({ state: 'parked', reason: 'no answer' });
      expect(queue.get('next')?.state).toBe('active');
      expect(letters(queue)).toMatchObject([{ key: 'grant:poison', state: 'dead', tries: MAX_TRIES }]);
    }));

  test('takes its place in the line again when it is replayed, once', () =>
    withQueue((queue) => {
      queue.enqueue(groupMessage('poison', 't'), false, 1);
      exhaust(queue, 'grant:poison');
      expect(queue.retry('grant:poison', 50)).toBe(true);
      expect(queue.retry('grant:poison', 50)).toBe(false);
      expect(queue.get('poison')).toMatchObject({ state: 'active', reason: null });
      expect(pending(queue)).toEqual(['grant:poison:2']);
      expect(letters(queue).map(({ state }) => state)).toEqual(['dead', 'replayed']);
      exhaust(queue, 'grant:poison:2');
      expect(queue.get('poison')?.state).toBe('parked');
      expect(queue.retry('grant:poison:2', 90)).toBe(true);
    }));

  test('of a person is parked with what went wrong; of an incident the incident tells', () =>
    withQueue((queue) => {
      queue.say(said('asked'), false, 1);
      queue.enqueue(groupMessage('handed', 't'), false, 1);
      queue.endTurn('asked', 5, 'its run died');
      queue.endTurn('handed', 5, 'its run died');
      expect(queue.get('asked')).toMatchObject({ state: 'parked', reason: 'its run died' });
      expect(queue.get('handed')).toMatchObject({ state: 'done', reason: 'its run died' });
      expect(letters(queue).map(({ key }) => key)).toEqual(['grant:asked']);
    }));
});

describe('a person', () => {
  test('who is the first in a new chat at the limit is not forgotten, and hears the place, once', () =>
    withQueue((queue) => {
      queue.enqueue(groupMessage('a', 't'), false, 1);
      queue.enqueue(groupMessage('b', 'u'), false, 1);
      expect(queue.say(said('first', { isOwnTask: true }), false, 1)).toEqual({
        state: 'waiting',
        position: 1,
      });
      queue.say(said('first', { isOwnTask: true }), false, 1);
      expect(pending(queue).filter((key) => key.startsWith('tell:'))).toEqual(['tell:first:queued:1']);
      queue.endTurn('b', 2);
      expect(queue.get('first')?.state).toBe('active');
    }));

  test('reaches the run that is going on, once that run is known', () =>
    withQueue((queue) => {
      queue.enqueue(groupMessage('a', 't'), false, 1);
      expect(queue.say(said('m'), false, 1).state).toBe('steering');
      expect(pending(queue)).toEqual(['grant:a']);
      queue.runBegins('inc_x', 'run_1', 2);
      queue.runBegins('inc_x', 'run_1', 2);
      expect(pending(queue)).toEqual(['grant:a', 'steer:m:run_1']);
      queue.succeeded(item(queue, 'steer:m:run_1'), { steered: 'accepted' }, 3);
      expect(pending(queue)).toContain('tell:m:passed_on:1');
      queue.seen('m', 'run_1', 4);
      queue.endTurn('a', 5);
      expect(queue.get('m')).toMatchObject({ state: 'done', steers: 'a', seenAt: 4 });
    }));

  test('hears once that the own run waits for a slot', () =>
    withQueue((queue) => {
      queue.say(said('m'), false, 1);
      // Its task may start a run before we hear that the task was opened.
      queue.runBegins(queue.get('m')?.incident ?? '', 'run_m', 3);
      queue.waitsForSlot('run_m', 2, 4);
      queue.waitsForSlot('run_m', 1, 5);
      expect(pending(queue)).toEqual(['grant:m', 'tell:m:no_slot:1']);
      expect(queue.say(said('n'), false, 6).state).toBe('steering');
      expect(pending(queue)).toContain('steer:n:run_m');
    }));

  test('is not lost on a run that ended before it read: the message gets a turn of its own', () =>
    withQueue((queue) => {
      queue.enqueue(groupMessage('a', 't'), false, 1);
      queue.runBegins('inc_x', 'run_1', 1);
      queue.say(said('m'), false, 1);
      queue.succeeded(item(queue, 'steer:m:run_1'), { steered: 'accepted' }, 3);
      queue.endTurn('a', 5);
      expect(queue.get('m')).toMatchObject({ state: 'active', steers: null });
      expect(pending(queue)).toContain('tell:m:came_too_late:1');
      expect(pending(queue)).toContain('grant:m');
    }));

  test('is heard by the run that takes over from a lost one, even if the lost one had read', () =>
    withQueue((queue) => {
      queue.enqueue(groupMessage('a', 't'), false, 1);
      queue.runBegins('inc_x', 'run_1', 1);
      queue.say(said('read'), false, 1);
      queue.seen('read', 'run_1', 2);
      queue.say(said('unread'), false, 2);
      queue.runBegins('inc_x', 'run_2', 3);
      expect(pending(queue).filter((key) => key.endsWith('run_2'))).toEqual([
        'steer:read:run_2',
        'steer:unread:run_2',
      ]);
      queue.seen('unread', 'run_1', 4);
      expect(queue.get('unread')?.state).toBe('steering');
    }));

  test('is not overtaken by the own next message, and may ask for a task beside what runs', () =>
    withQueue((queue) => {
      queue.enqueue(groupMessage('a', 't'), false, 1);
      queue.say(said('one', { isOwnTask: true }), false, 1);
      expect(queue.get('one')?.state).toBe('waiting');
      expect(queue.say(said('two'), false, 1)).toEqual({ state: 'waiting', position: 2 });
    }, 1));

  test('that is a reply to something of a session goes to that one', () =>
    withQueue((queue) => {
      for (const [n, thread] of ['t', 'u', 'v'].entries())
        queue.enqueue(groupMessage(thread, thread, { incident: `inc_${thread}` }), true, n);
      queue.enqueue(groupMessage('note', 't', { incident: 'inc_t', turn: false }), true, 4);
      const steers = (id: string, about: string | null) => {
        queue.say(said(id, { about }), false, 5);
        return queue.get(id)?.steers;
      };
      expect(steers('m1', 't')).toBe('t');
      expect(steers('m2', 'note')).toBe('t');
      expect(steers('m3', 'tell:m1:passed_on:1')).toBe('t');
      expect(steers('m4', 'inc_elsewhere')).toBe('v');
      queue.endTurn('t', 6);
      expect(steers('m5', 't'), 'it is over').not.toBe('t');
    }, 3));

  test('gets a turn when the run cannot be reached', () =>
    withQueue((queue) => {
      queue.enqueue(groupMessage('a', 't'), false, 1);
      queue.runBegins('inc_x', 'run_1', 1);
      queue.say(said('m'), false, 1);
      exhaust(queue, 'steer:m:run_1');
      expect(queue.get('m')?.state).toBe('active');
    }));
});

describe('cancel', () => {
  test('a waiting message never runs; repeating it changes nothing', () =>
    withQueue((queue) => {
      queue.enqueue(groupMessage('a', 't'), false, 1);
      queue.enqueue(groupMessage('b', 't'), false, 1);
      expect(queue.cancel('b', 'operator', 2)).toMatchObject({ status: 'canceled' });
      expect(queue.cancel('b', 'operator', 2)).toEqual({ status: 'too_late', state: 'canceled' });
      queue.endTurn('a', 3);
      expect(queue.get('b')).toMatchObject({ state: 'canceled', reason: 'canceled by operator' });
      expect(pending(queue)).toEqual(['grant:a', 'cancel:b:1']);
    }));

  test('of the work of a turn ends it as canceled, with the reason', () =>
    withQueue((queue) => {
      queue.enqueue(groupMessage('a', 't'), false, 1);
      queue.endTurn('a', 2, null, 'ended by the operator');
      expect(queue.get('a')).toMatchObject({ state: 'canceled', reason: 'ended by the operator' });
    }));

  test('an active one keeps its turn until its incident has ended the run', () =>
    withQueue((queue) => {
      queue.enqueue(groupMessage('a', 't'), false, 1);
      expect(queue.cancel('a', 'operator', 2)).toMatchObject({ status: 'canceling' });
      expect(queue.get('a')?.state).toBe('active');
      expect(pending(queue)).toContain('cancel:a:1');
      queue.endTurn('a', 3);
      expect(queue.get('a')?.state).toBe('canceled');
    }));

  test('nothing joins a turn that is being canceled, and what had joined it unread lives on', () =>
    withQueue((queue) => {
      queue.enqueue(groupMessage('a', 't'), false, 1);
      queue.say(said('m'), false, 1);
      queue.cancel('a', 'operator', 2);
      expect(queue.say(said('n', { thread: 'other' }), false, 3).state).toBe('active');
      queue.endTurn('a', 4);
      expect(queue.get('m')?.state).toBe('active');
    }));

  test('what a run has already is too late', () =>
    withQueue((queue) => {
      queue.enqueue(groupMessage('a', 't'), false, 1);
      queue.say(said('m'), false, 1);
      queue.runBegins('inc_x', 'run_1', 2);
      queue.outbox.begin('steer:m:run_1');
      expect(queue.cancel('m', 'operator', 3)).toEqual({ status: 'too_late', state: 'steering' });
      expect(queue.cancel('nobody', 'operator', 3)).toEqual({ status: 'unknown' });
    }));

  test('the newest of a thread, once per command', () =>
    withQueue((queue) => {
      for (const id of ['one', 'two', 'three']) queue.say(said(id, { isOwnTask: true }), false, 1);
      expect(queue.cancelNewest('evt_1', 'chat', 'operator', 2)).toMatchObject({ text: 'text of three' });
      expect(queue.cancelNewest('evt_1', 'chat', 'operator', 2)).toMatchObject({ text: 'text of three' });
      expect(queue.cancelNewest('evt_2', 'chat', 'operator', 2)).toMatchObject({ text: 'text of two' });
      expect(queue.cancelNewest('evt_3', 'elsewhere', 'operator', 2)).toEqual({ status: 'unknown' });
      expect(queue.get('one')?.state).toBe('active');
    }));
});

describe('what came of a dispatched task', () => {
  const answer = (id: string, change = {}) => ({
    id,
    parent: { run: 'run_1', incident: 'inc_x' },
    from: 'sam',
    incident: `inc_of_${id}`,
    outcome: 'done' as const,
    asked: 'look',
    text: 'The disk is full.',
    at: 1,
    ...change,
  });

  test('goes to the session that dispatched it, also when another run has taken that over, once', () =>
    withQueue((queue) => {
      queue.enqueue(groupMessage('a', 't'), false, 1);
      queue.runBegins('inc_x', 'run_2', 1);
      expect(queue.answer(answer('b'), true, 2)).toBe('steering');
      expect(queue.answer(answer('b'), true, 3)).toBe('steering');
      expect(pending(queue)).toEqual(['grant:a', 'show:b', 'steer:b:run_2']);
      queue.seen('b', 'run_2', 4);
      queue.endTurn('a', 5);
      expect(queue.get('b')).toMatchObject({ state: 'done', steers: 'a' });
    }));

  test('has a turn of its own in the same thread when that session has ended, read or unread', () =>
    withQueue((queue) => {
      queue.say(said('m'), false, 1);
      const incident = queue.get('m')?.incident ?? '';
      queue.runBegins(incident, 'run_1', 1);
      const parent = { run: 'run_1', incident };
      queue.answer(answer('unread', { parent }), false, 2);
      queue.endTurn('m', 3);
      queue.answer(answer('late', { parent }), false, 4);
      expect(queue.get('unread')).toMatchObject({
        state: 'active',
        thread: 'chat',
        incident: expect.stringMatching(/^inc_/),
      });
      expect(queue.get('late')).toMatchObject({ state: 'waiting', thread: 'chat' });
      expect(queue.row('late')).toMatchObject({ reply: JSON.stringify({ chat: '-1', thread: null }) });
      expect(queue.row('late')?.attachment).toContain('text of m');
      const told = pending(queue).filter((key) => key.startsWith('tell:'));
      expect(told, 'nobody wrote it').toEqual([]);
    }));

  test('of work that was canceled is noted and begins nothing', () =>
    withQueue((queue) => {
      queue.enqueue(groupMessage('a', 't'), false, 1);
      queue.answer(answer('before'), false, 2);
      queue.cancel('a', 'operator', 3);
      queue.answer(answer('meanwhile'), false, 4);
      queue.endTurn('a', 5);
      queue.answer(answer('after'), false, 6);
      for (const id of ['before', 'meanwhile', 'after']) expect(queue.get(id)?.state).toBe('noted');
    }));

  test('is not what /cancel takes back while a session works', () =>
    withQueue((queue) => {
      queue.say(said('m'), false, 1);
      const incident = queue.get('m')?.incident ?? '';
      queue.answer(answer('b', { parent: { run: 'run_1', incident } }), false, 2);
      expect(queue.cancelNewest('evt_9', 'chat', 'operator', 3)).toMatchObject({ text: 'text of m' });
    }));
});
