import { describe, expect, it } from 'vitest';
import { formatTable, passed, type Row, summaryLine, withToken } from './attack.ts';
import { answerQuery, bytesOfV6, questionOf } from './dns-message.ts';

const row = (blocked: boolean, alive: boolean): Row => ({
  area: 'network',
  title: 'an attack',
  as: 'user',
  blocked,
  detail: 'what the probe saw',
  control: { ok: alive, detail: 'what the control saw' },
});

describe('the verdict', () => {
  it('passes only what is blocked by a probe that works', () => {
    expect([row(true, true), row(true, false), row(false, true)].map(passed)).toEqual([true, false, false]);
    expect(summaryLine([row(true, true), row(true, false)])).toBe('1 passed, 1 failed');
  });

  it('tells details of what failed', () => {
    const [, good, leak, dead] = formatTable([row(true, true), row(false, true), row(true, false)], false);
    expect(good).not.toContain('saw');
    expect(leak).toContain('LEAK');
    expect(dead).toContain('DEAD');
    expect(dead).toContain('what the control saw');
  });

  it('gives every text of a probe its token', () => {
    expect(withToken({ kind: 'udp', host: 'h', port: 1, send: 'x{token}y' }, 't1')).toMatchObject({
      send: 'xt1y',
    });
  });
});

describe('the resolver of the outside', () => {
  const query = (name: string, type: number) => {
    const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
    return Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, type, 0, 1]);
  };

  it('answers from its records', () => {
    expect(questionOf(query('private.attack.test', 1))).toMatchObject({
      name: 'private.attack.test',
      type: 1,
    });
    expect(answerQuery(query('private.attack.test', 1))?.subarray(-4)).toEqual(Buffer.from([10, 66, 77, 9]));
    const mapped = answerQuery(query('mapped.attack.test', 28));
    expect(mapped?.subarray(-16)).toEqual(bytesOfV6('::ffff:10.66.77.9'));
    expect(bytesOfV6('::ffff:10.66.77.9').toString('hex')).toBe(`${'0'.repeat(20)}ffff0a424d09`);
  });

  it('rebinds a name at its second question', () => {
    const last = () => answerQuery(query('rebinding.attack.test', 1))?.subarray(-4).join('.');
    expect([last(), last(), last()]).toEqual(['128.66.77.2', '10.66.77.9', '10.66.77.9']);
  });

  it('reads nothing out of rubbish', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(12), Buffer.alloc(40, 255)])
      expect(questionOf(bytes)).toBeNull();
  });
});
