import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../core/journal/canonical-json.ts';
import { findFault } from '../../core/journal/hash-chain.ts';
import { adminRequest } from '../../core/loops/admin-request/index.ts';
import { loopOfKey } from '../../core/loops/index.ts';
import type { Loop } from '../../core/loops/loop.ts';
import { pipelineRecovery } from '../../core/loops/pipeline-recovery/index.ts';
import { task } from '../../core/loops/task/index.ts';
import {
  PIPELINE_STATE_VERSION,
  PIPELINE_UPCASTERS,
} from '../../durable-objects/incident/pipeline-upcasters.ts';
import { foldEntries } from '../../durable-objects/shared/journal-fold.ts';
import type { Upcaster } from '../../durable-objects/shared/journal-upcast.ts';
import { scenarioNames } from '../../scripts/demo/scenarios/names.ts';

interface Recording {
  id: string;
  key: string;
  status: string;
  state: unknown;
  journal: { seq: number; at: number; type: string; v: number; data: unknown; prev: string; hash: string }[];
}

/** A later state may hold more than was recorded; all that was recorded must be there, unchanged. */
function asFarAsRecorded(value: unknown, recorded: unknown): unknown {
  if (Array.isArray(value) && Array.isArray(recorded))
    return value.map((item, index) => asFarAsRecorded(item, recorded[index] ?? item));
  if (typeof value !== 'object' || value === null || typeof recorded !== 'object' || recorded === null)
    return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name in recorded)
      .map(([name, member]) => [name, asFarAsRecorded(member, Reflect.get(recorded, name))]),
  );
}

const journals = new URL('../fixtures/journals/', import.meta.url);
const recordings = readdirSync(journals)
  .filter((name) => name.endsWith('.json'))
  .map((name) => ({
    name,
    recording: JSON.parse(readFileSync(new URL(name, journals), 'utf8')) as Recording,
  }));

test('there is a journal of every scenario of the demo', () => {
  expect(recordings.map(({ name }) => name)).toEqual(
    expect.arrayContaining(scenarioNames.map((scenario) => `${scenario}.json`)),
  );
});

/** Names of all members, at any depth; keys of records do not occur in this state. */
function shapeOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => shapeOf(item, `${path}[]`));
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, member]) => shapeOf(member, `${path}.${name}`));
}

/** Each loop with the version of its state's shape, and its upcasters. */
const LOOPS = {
  'pipeline-recovery': { fold: folder(pipelineRecovery, PIPELINE_UPCASTERS), v: PIPELINE_STATE_VERSION },
  task: { fold: folder(task, []), v: 1 },
  'admin-request': { fold: folder(adminRequest, []), v: 1 },
};

function folder<State, Event extends { type: string }, F extends { type: string; data: unknown }>(
  loop: Loop<State, Event, F>,
  upcasters: readonly Upcaster[],
) {
  return (id: string, journal: Recording['journal']): { state: unknown; status: string } => {
    const state = foldEntries(loop, loop.initial(id), journal, upcasters);
    return { state, status: loop.status(state) };
  };
}

test.each(Object.entries(LOOPS).filter(([name]) => name !== 'task'))(
  'the state of %s has the shape that snapshots of its version have: when this fails, raise its version',
  async (name, { fold, v }) => {
    const shapes = recordings
      .filter(({ recording }) => loopOfKey(recording.key) === name)
      .flatMap(({ recording: { id, journal } }) => shapeOf(fold(id, journal).state));
    await expect(`${[...new Set(shapes)].sort().join('\n')}\n`).toMatchFileSnapshot(
      `../fixtures/state-shapes/${name}-${v}.txt`,
    );
  },
);

describe.each(recordings)('the journal $name', ({ recording }) => {
  const { id, journal, state, status } = recording;

  test('folds with the code of today to the state that was recorded, byte for byte', () => {
    const folded = LOOPS[loopOfKey(recording.key)].fold(id, journal);
    expect(canonicalJson(asFarAsRecorded(folded.state, state))).toBe(canonicalJson(state));
    expect(folded.status).toBe(status);
  });

  test('is an unbroken chain', () => {
    const links = journal.map(({ seq, prev, hash, ...content }) => ({ chain: id, seq, prev, hash, content }));
    expect(findFault(links, (text) => createHash('sha256').update(text).digest('hex'))).toBeNull();
  });

  test('names no person', () => {
    expect(JSON.stringify(recording)).not.toMatch(/Dana|\bJan\b|@example/);
  });
});
