import { expect, it, test } from 'vitest';
import { cancelText, noticeText } from './queue-texts.ts';

it.each([
  [1, 'Queued: 1st in line for Ryan.'],
  [2, 'Queued: 2nd in line for Ryan.'],
  [3, 'Queued: 3rd in line for Ryan.'],
  [11, 'Queued: 11th in line for Ryan.'],
  [22, 'Queued: 22nd in line for Ryan.'],
  // It has its turn by now: its answer says the rest.
  [null, null],
])('a place in the line, %s', (position, text) => {
  expect(noticeText({ what: 'queued' }, 'Ryan', position)).toBe(text);
});

test('what came too late says where it stands now', () => {
  expect(noticeText({ what: 'came_too_late' }, 'Ryan', null)).toMatch(/a task of its own now\.$/);
  expect(noticeText({ what: 'came_too_late' }, 'Ryan', 2)).toMatch(/now: 2nd in line for Ryan\.$/);
});

test('a person hears of the place among the sessions, too', () => {
  expect(noticeText({ what: 'no_slot', position: 2 }, 'Ryan', null)).toBe(
    'Ryan waits for a free session: 2nd in line.',
  );
});

test('words from outside are escaped', () => {
  expect(noticeText({ what: 'parked', reason: '<b>' }, 'Ryan', null)).toContain('&lt;b&gt;');
  expect(cancelText({ status: 'canceled', text: '<b>' }, 'ryan')).toContain('&lt;b&gt;');
});
