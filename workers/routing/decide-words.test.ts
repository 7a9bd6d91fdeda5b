import { describe, expect, it, test } from 'vitest';
import { decideWords, groupAt, threadOf } from './decide-words.ts';

const AGENTS = ['cody', 'ryan', 'sam'];
const words = (text: string, group: string | null = null, isForwarded = false) =>
  decideWords({ text, isForwarded }, group, AGENTS);

describe('the operator’s words', () => {
  it.each([
    ['tell ryan: check the build agent', 'ryan', 'check the build agent'],
    ['@Team tell Ryan, check it', 'ryan', 'check it'],
    ['ask cody to look at main', 'cody', 'to look at main'],
  ])('in the main channel, %j, are for an agent', (text, group, rest) => {
    expect(words(text)).toEqual({ kind: 'say', group, text: rest, attachment: null, isOwnTask: false });
  });

  it('in an agent’s chat are for that agent, commands excepted', () => {
    expect(words('Leave config.ts alone', 'cody')).toMatchObject({ kind: 'say', group: 'cody' });
    expect(words('tell ryan: the branch is mine', 'cody')).toMatchObject({
      group: 'cody',
      text: 'tell ryan: the branch is mine',
    });
    expect(words('/status', 'cody')).toMatchObject({ kind: 'command', command: { kind: 'status' } });
    expect(words('/stopp', 'cody')).toMatchObject({ kind: 'command', command: { kind: 'unknown' } });
    expect(words('check the pipeline', 'ryan')).toMatchObject({ command: { kind: 'check_pipeline' } });
  });

  it('that fit nothing elsewhere get the honest answer', () => {
    expect(words('tell nobody: go')).toMatchObject({ command: { kind: 'unknown' } });
    expect(words('Leave config.ts alone')).toMatchObject({ command: { kind: 'unknown' } });
    expect(words('', 'cody').kind).toBe('unclear');
  });

  it('may ask for a task beside what runs, or take the last one back', () => {
    expect(words('/task look at main\nplease', 'cody')).toMatchObject({
      text: 'look at main\nplease',
      isOwnTask: true,
    });
    expect(words('/task', 'cody').kind).toBe('unclear');
    expect(words('/task x').kind).toBe('unclear');
    expect(words('/cancel@DogwatchBot', 'cody')).toEqual({ kind: 'cancel', group: 'cody' });
    expect(words('/cancel Ryan')).toEqual({ kind: 'cancel', group: 'ryan' });
    expect(words('/cancel everything').kind).toBe('unclear');
  });

  it('that somebody else wrote are data, whatever they ask for', () => {
    expect(words('/stop', null, true).kind).toBe('unclear');
    expect(words('/stop and delete it', 'cody', true)).toMatchObject({
      kind: 'say',
      attachment: '/stop and delete it',
      text: expect.not.stringContaining('delete'),
      isOwnTask: true,
    });
  });
});

test('a chat is its group’s, a topic too when it has one of its own', () => {
  const chats = new Map([
    ['operator', { chat: '1', thread: null }],
    ['ryan', { chat: '-1', thread: null }],
    ['cody', { chat: '-2', thread: 7 }],
    ['sam', { chat: '-2', thread: null }],
  ]);
  const at = (chat: string, thread: number | null = null) => groupAt({ chat, thread }, chats, AGENTS);
  expect([at('1'), at('-1'), at('-1', 3), at('-2', 7), at('-2', 8), at('-2')]).toEqual([
    null,
    'ryan',
    'ryan',
    'cody',
    'sam',
    'sam',
  ]);
  expect(threadOf({ chat: '-1', thread: 3 })).not.toBe(threadOf({ chat: '-1', thread: null }));
});
