import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { derivedId } from '../../core/contracts/ids.ts';
import type { Loop } from '../../core/loops/loop.ts';
import type { PipelineEvent } from '../../core/loops/pipeline-recovery/events.ts';
import type { PipelineFact } from '../../core/loops/pipeline-recovery/facts.ts';
import { pipelineRecovery } from '../../core/loops/pipeline-recovery/index.ts';
import type { PipelineState } from '../../core/loops/pipeline-recovery/state.ts';
import { PIPELINE_UPCASTERS } from '../../durable-objects/incident/pipeline-upcasters.ts';
import { redecide } from '../../durable-objects/shared/journal-redecide.ts';

type Pipeline = Loop<PipelineState, PipelineEvent, PipelineFact>;

const { id, journal } = JSON.parse(
  readFileSync(new URL('../fixtures/journals/main.json', import.meta.url), 'utf8'),
) as { id: string; journal: { seq: number; at: number; type: string; v: number; data: unknown }[] };

const decideAgain = (loop: Pipeline) =>
  redecide(loop, loop.initial(id), journal, PIPELINE_UPCASTERS, (nowMs) => ({
    nowMs,
    id: (type, name) => derivedId(type, createHash('sha256').update(`${id}/${type}/${name}`).digest()),
  }));

const received = journal.filter(({ type }) => type === 'received');

describe('deciding a recorded incident again', () => {
  test('shows no difference where the code decides as it did', () => {
    const known = decideAgain(pipelineRecovery);
    const asRecorded: Pipeline = {
      ...pipelineRecovery,
      decide: (state, event, context) => pipelineRecovery.decide(state, event, context),
    };
    expect(known.events).toBe(received.length);
    expect(decideAgain(asRecorded)).toEqual(known);
  });

  test('shows each difference once, at its event, and goes on from what was recorded', () => {
    const known = decideAgain(pipelineRecovery).differences.map(({ seq }) => seq);
    const silent: Pipeline = {
      ...pipelineRecovery,
      decide(state, event, context) {
        const decision = pipelineRecovery.decide(state, event, context);
        return event.type === 'evidence_collected' ? { facts: [], effects: [] } : decision;
      },
    };
    const { differences } = decideAgain(silent);
    const news = differences.filter(({ seq }) => !known.includes(seq));
    expect(news.map(({ event }) => event)).toEqual(['evidence_collected']);
    expect(news[0]?.recorded.facts.length).toBeGreaterThan(0);
    expect(news[0]?.today).toEqual({ facts: [], effects: [] });
  });

  test('an event that today’s code cannot decide is a difference, not the end', () => {
    const failing: Pipeline = {
      ...pipelineRecovery,
      decide() {
        throw new Error('no more');
      },
    };
    const { differences, events } = decideAgain(failing);
    expect(differences).toHaveLength(events);
    expect(differences[0]?.today).toEqual({ error: 'Error: no more' });
  });
});
