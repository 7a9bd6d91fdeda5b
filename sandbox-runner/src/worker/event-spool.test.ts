import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { derivedId } from '../../../core/contracts/ids.ts';
import { silentLogger } from '../logger.ts';
import { tempFolder } from '../testing/repositories.ts';
import { runId } from '../testing/requests.ts';
import { EventSpool } from './event-spool.ts';
import { LeaseClock } from './lease-clock.ts';
import { Reporter } from './reporter.ts';
import { WorkerError } from './worker-client.ts';

const RUN = runId('one');
const ENDED = {
  type: 'ended',
  data: { reason: 'completed', detail: '', turns: 1, durationMs: 1, transcript: null },
} as const;
const said = (text: string) => ({ type: 'said', data: { text } }) as const;

let folder: ReturnType<typeof tempFolder>;
beforeEach(() => {
  folder = tempFolder();
});
afterEach(() => folder.remove());

const open = () => new EventSpool(join(folder.path, 'spool'), () => 1_000);
const seqs = (spool: EventSpool) => spool.pending(100, 1_000_000).map(({ event }) => event.seq);

describe('the spool', () => {
  test('keeps order and sequence across a restart', () => {
    const first = open();
    for (const text of ['a', 'b', 'c']) first.append(RUN, 1, said(text));
    first.acknowledge(RUN, 1, 1);
    const second = open();
    second.append(RUN, 1, said('d'));
    expect(seqs(second)).toEqual([2, 3, 4]);
  });

  test('lives on after a line that a crash tore', () => {
    open().append(RUN, 1, said('a'));
    appendFileSync(join(folder.path, 'spool', `${RUN}.1.jsonl`), '{"event":{"run"');
    const second = open();
    second.append(RUN, 1, said('b'));
    expect(seqs(second)).toEqual([1, 2]);
    expect(seqs(open())).toEqual([1, 2]);
  });

  test('forgets a run once it has ended and all of it is acknowledged, not before', () => {
    const spool = open();
    spool.append(RUN, 1, said('a'));
    spool.append(RUN, 1, ENDED);
    spool.acknowledge(RUN, 1, 1);
    expect(readdirSync(join(folder.path, 'spool'))).toHaveLength(1);
    spool.acknowledge(RUN, 1, 2);
    expect(readdirSync(join(folder.path, 'spool'))).toEqual([]);
  });

  test('takes nothing after an end', () => {
    const spool = open();
    spool.append(RUN, 1, ENDED);
    expect(spool.append(RUN, 1, said('late'))).toBeNull();
  });

  test('knows after a restart what was asked for, and does not take a request for a fix', () => {
    const action = { kind: 'pause_schedule', schedule: 'staging-health' } as const;
    const body = { kind: 'admin_request', group: 'sam', title: 't', reason: 'r', action } as const;
    const id = derivedId('int', new Uint8Array(16));
    const data = { id, run: RUN, fence: 1, digest: 'a'.repeat(64), body };
    open().append(RUN, 1, { type: 'intent', data });
    expect(open().told(RUN, 1)).toMatchObject({ requests: [id], fixAccepted: false });
  });

  test('counts each lease of a run from one, and delivers the older first', () => {
    const spool = open();
    spool.append(RUN, 2, said('new'));
    spool.append(RUN, 1, said('old'));
    const fences = () => spool.pending(100, 1_000_000).map(({ event }) => `${event.fence}.${event.seq}`);
    expect(fences()).toEqual(['1.1']);
    spool.acknowledge(RUN, 1, 1);
    expect(fences()).toEqual(['2.1']);
  });

  test('gives no more at once than asked, but always something', () => {
    const spool = open();
    for (let i = 0; i < 5; i++) spool.append(RUN, 1, said('x'.repeat(1_000)));
    expect(spool.pending(3, 1_000_000)).toHaveLength(3);
    expect(spool.pending(100, 2_500)).toHaveLength(2);
    expect(spool.pending(100, 10)).toHaveLength(1);
  });
});

describe('the reporter', () => {
  function reporting(
    report: ConstructorParameters<typeof Reporter>[0]['worker']['report'],
    upload = async () => {},
  ) {
    const spool = open();
    let nowMs = 0;
    const leaseClock = new LeaseClock(() => nowMs);
    const reporter = new Reporter({
      runner: 'runner-1',
      worker: { report },
      spool,
      artifacts: { upload },
      leaseClock,
      logger: silentLogger,
      nowMs: () => 1_000,
      random: () => 0.5,
      health: () => ({ capacity: 1, running: 1, image: null, problems: [] }),
      leases: () => [{ run: RUN, fence: 1 }],
      onLost: () => {},
      onStop: () => {},
    });
    const passTime = (ms: number) => {
      nowMs += ms;
    };
    return { spool, reporter, leaseClock, passTime };
  }

  test('keeps what was not acknowledged and sends it again', async () => {
    const sent: number[][] = [];
    let down = true;
    const { spool, reporter } = reporting(async ({ events }) => {
      sent.push(events.map(({ seq }) => seq));
      if (down) throw new WorkerError('x', null, 'down');
      return { acknowledged: { [RUN]: 1 }, lost: [], stop: false };
    });
    spool.append(RUN, 1, said('a'));
    spool.append(RUN, 1, said('b'));
    await reporter.flush();
    expect(reporter.reachable).toBe(false);
    down = false;
    await reporter.flush();
    await reporter.flush();
    expect(sent).toEqual([[1, 2], [1, 2], [2]]);
    expect(reporter.reachable).toBe(true);
    await reporter.close(0);
  });

  test('renews a lease from when the report was sent, not when it was answered, and not a lost one', async () => {
    let lost: string[] = [];
    const { reporter, leaseClock, passTime } = reporting(async () => {
      passTime(60_000);
      return { acknowledged: {}, lost, stop: false };
    });
    await reporter.flush();
    expect(leaseClock.isFresh(RUN)).toBe(true);
    passTime(30_001);
    expect(leaseClock.isFresh(RUN)).toBe(false);
    lost = [RUN];
    await reporter.flush();
    expect(leaseClock.isFresh(RUN)).toBe(false);
    await reporter.close(0);
  });

  const artifact = { name: 'log', sha256: 'a'.repeat(64), sizeBytes: 1, contentType: 'text/plain' };
  const OTHER = runId('two');

  test('holds back an event whose artifact did not arrive, but not the heartbeat, nor other runs', async () => {
    const sent: string[][] = [];
    let status = 503;
    const { spool, reporter } = reporting(
      async ({ events }) => {
        sent.push(events.map(({ run, seq }) => `${run === RUN ? 'one' : 'two'} ${seq}`));
        return { acknowledged: {}, lost: [], stop: false };
      },
      async () => {
        throw new WorkerError('x', status, 'no');
      },
    );
    spool.append(RUN, 1, said('see log'), [artifact]);
    spool.append(RUN, 1, said('and then'));
    spool.append(OTHER, 1, said('hello'));
    for (let i = 0; i < 6; i++) await reporter.flush();
    expect(new Set(sent.map(String))).toEqual(new Set(['two 1']));
    status = 404;
    await reporter.flush();
    expect(sent.at(-1)).toEqual(['one 1', 'one 2', 'two 1']);
    await reporter.close(0);
  });

  test('renews leases although the Worker refuses the events', async () => {
    const { spool, reporter, leaseClock } = reporting(async ({ events }) => {
      if (events.length > 0) throw new WorkerError('x', 400, 'unreadable');
      return { acknowledged: {}, lost: [], stop: false };
    });
    spool.append(RUN, 1, said('poison'));
    await reporter.flush();
    expect(leaseClock.isFresh(RUN)).toBe(true);
    expect(spool.size).toBe(1);
    await reporter.close(0);
  });
});
