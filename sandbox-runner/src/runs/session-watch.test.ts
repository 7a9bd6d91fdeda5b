import { beforeEach, describe, expect, test } from 'vitest';
import type { SandboxEvent } from '../backend/sandbox.ts';
import { SessionMessages } from './session-messages.ts';
import { SessionWatch, type WatchDeps } from './session-watch.ts';

const MINUTE = 60_000;
let alerts: string[];
let stops: string[];
let serial = 0;

function watchOf(change: Partial<WatchDeps> = {}): SessionWatch {
  return new SessionWatch({
    startedAtMs: 0,
    timeoutMs: 30 * MINUTE,
    estimateMs: 20 * MINUTE,
    failedCommand: 'npm test',
    workspaceFolder: '/workspace/repo',
    mayCheckpoint: true,
    messages: new SessionMessages([], []),
    alert: (rule) => alerts.push(rule),
    stop: (reason, detail) => stops.push(`${reason}: ${detail}`),
    ...change,
  });
}
beforeEach(() => {
  alerts = [];
  stops = [];
});

type Tool = Extract<SandboxEvent, { type: 'tool' }>;
const tool = (change: Partial<Tool>): Tool => ({
  type: 'tool',
  id: `t${serial}`,
  name: 'Bash',
  phase: 'requested',
  input: null,
  output: null,
  durationMs: null,
  ...change,
});
/** A Bash call and what came of it; answers of both lines. */
function bash(watch: SessionWatch, command: string, done: Partial<Tool>, nowMs = 0) {
  serial += 1;
  const asked = watch.judge(tool({ input: JSON.stringify({ command }) }), nowMs);
  if (asked.block !== undefined) {
    watch.judge(tool({ phase: 'denied', input: JSON.stringify({ command }), output: asked.block }), nowMs);
    return { asked, after: {} };
  }
  return { asked, after: watch.judge(tool({ phase: 'succeeded', output: '', ...done }), nowMs) };
}

describe('what is forbidden', () => {
  test('is refused also when the container’s own guard let it pass, and the operator is told', () => {
    const watch = watchOf();
    expect(bash(watch, 'sudo id', {}).asked.block).toMatch(/^privilege/);
    expect(alerts).toEqual(['privilege']);
  });

  test('is told at once when the container refused it; a mistyped tool is not', () => {
    const watch = watchOf();
    watch.judge(tool({ phase: 'denied', output: 'fetched_code: Fetched text is not run.' }), 0);
    watch.judge(tool({ phase: 'denied', name: 'WebFetch', output: 'unknown_tool: not a tool' }), 0);
    expect(alerts).toEqual(['fetched_code']);
  });
});

describe('going in circles', () => {
  test('the sixth same command in ten minutes is blocked with its own message', () => {
    const watch = watchOf();
    const blocked = [1, 2, 3, 4, 5, 6].map((n) => bash(watch, 'npm test', {}, n).asked.block);
    expect(blocked.slice(0, 5)).toEqual([undefined, undefined, undefined, undefined, undefined]);
    expect(blocked[5]).toMatch(/^repeated: /);
    expect(alerts).toEqual([]);
  });

  test('the same call with the same error six times ends the run as stuck', () => {
    const watch = watchOf();
    for (let n = 1; n <= 6; n++)
      bash(
        watch,
        'npm run x',
        { phase: 'failed', output: `missing x (${n} ms)` },
        n * 3 * MINUTE - 3 * MINUTE,
      );
    expect(stops).toEqual([expect.stringMatching(/^stuck: The same call failed.*npm run x/)]);
  });

  test('a blocked command that is tried on and on ends it too', () => {
    const watch = watchOf();
    for (let n = 1; n <= 11; n++) bash(watch, 'npm test', {}, n);
    expect(stops).toHaveLength(1);
  });
});

describe('a message for the session', () => {
  const said = (id: string) => ({ id, from: 'operator', text: `text of ${id}`, at: 0 });
  const asks = (watch: SessionWatch, name: string) =>
    watch.judge(
      { type: 'tool', id: 't', name, phase: 'requested', input: '{}', output: null, durationMs: null },
      0,
    );

  test('goes with the next answer, once', () => {
    const messages = new SessionMessages([], []);
    const watch = watchOf({ messages });
    messages.add(said('a'));
    messages.add(said('a'));
    messages.add(said('b'));
    expect(asks(watch, 'Read').notice).toMatch(/text of a[\s\S]*text of b/);
    expect(asks(watch, 'Read')).toEqual({});
    expect(messages.callBegins()).toEqual(['a', 'b']);
    expect(messages.callBegins()).toEqual([]);
  });

  test('is read before anything goes out', () => {
    const messages = new SessionMessages([said('a')], []);
    const watch = watchOf({ messages });
    expect(asks(watch, 'mcp__dogwatch__submit_fix').block).toMatch(/^message: .*\n[\s\S]*text of a/);
    expect(asks(watch, 'mcp__dogwatch__submit_fix')).toEqual({});
    expect(alerts).toEqual([]);
  });

  test('keeps a session going whose model had nothing more to do', () => {
    const messages = new SessionMessages([], []);
    const watch = watchOf({ messages });
    expect(watch.judge({ type: 'stopping' }, 0)).toEqual({});
    messages.add(said('a'));
    expect(watch.judge({ type: 'stopping' }, 0).notice).toMatch(/text of a/);
  });

  test('that an earlier process of the runner saw given is not given again', () => {
    const messages = new SessionMessages([said('a'), said('b')], ['a']);
    expect(messages.has('a')).toBe(true);
    expect(messages.take()).not.toMatch(/text of a/);
  });
});

test('30 turns without progress warn with the next answer, 20 more end the run; a changed file starts anew', () => {
  const watch = watchOf({ mayCheckpoint: false });
  const until = (last: number, digest: string, first = 1) => {
    for (let turn = first; turn <= last; turn++) {
      watch.judge({ type: 'turn', turns: turn }, 0);
      bash(watch, `look ${turn}`, { workspace: { digest, files: 0 } });
    }
  };
  let asked = 0;
  const judge = watch.judge.bind(watch);
  watch.judge = (event, nowMs) => {
    const answer = judge(event, nowMs);
    if (answer.notice?.includes('without progress')) asked += 1;
    return answer;
  };
  until(35, 'a');
  expect(asked).toBe(1);
  until(55, 'b', 36);
  expect(stops).toEqual([]);
  until(90, 'b', 56);
  expect(stops).toEqual([expect.stringMatching(/^stuck: 50 turns/)]);
});

test('more than 100 files changed by one step: the agent and the operator are told', () => {
  const watch = watchOf();
  bash(watch, 'a', { workspace: { digest: 'a', files: 60 } });
  expect(bash(watch, 'b', { workspace: { digest: 'b', files: 160 } }).after.notice).toBeUndefined();
  expect(bash(watch, 'c', { workspace: { digest: 'c', files: 261 } }).after.notice).toContain('101 files');
  expect(alerts).toEqual(['many_files']);
});

describe('time', () => {
  test('over 120% of the estimate is told once', () => {
    const watch = watchOf({ mayCheckpoint: false });
    bash(watch, 'a', {}, 24 * MINUTE);
    expect(alerts).toEqual([]);
    bash(watch, 'b', {}, 24 * MINUTE + 1);
    bash(watch, 'c', {}, 25 * MINUTE);
    expect(alerts).toEqual(['overtime']);
  });

  test('in the last minutes, or after two compactions, the agent is asked for its hand-off and its work is kept', () => {
    const late = watchOf();
    const { asked, after } = bash(late, 'a', {}, 25 * MINUTE);
    expect(asked.notice).toContain('final: true');
    expect(after).toEqual({ checkpoint: true });
    late.kept();
    expect(bash(late, 'b', {}, 26 * MINUTE).after).toEqual({});

    const full = watchOf();
    expect(full.judge({ type: 'compacted' }, 0)).toEqual({});
    expect(full.judge({ type: 'compacted' }, 0).notice).toContain('context is nearly full');
  });
});

test('what changed is kept every ten turns, and when the runner is about to stop', () => {
  const watch = watchOf();
  watch.judge({ type: 'turn', turns: 9 }, 0);
  expect(bash(watch, 'a', { workspace: { digest: 'a', files: 1 } }).after).toEqual({});
  watch.judge({ type: 'turn', turns: 10 }, 0);
  expect(bash(watch, 'b', { workspace: { digest: 'a', files: 1 } }).after).toEqual({ checkpoint: true });
  watch.kept();
  watch.judge({ type: 'turn', turns: 30 }, 0);
  expect(bash(watch, 'c', { workspace: { digest: 'a', files: 1 } }).after).toEqual({});
  watch.keepNow('soon over');
  const { asked, after } = bash(watch, 'd', {});
  expect([asked.notice, after.checkpoint]).toEqual(['soon over', true]);
});
