import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import { artifactRow } from '../../durable-objects/shared/artifact-rows.ts';
import { migrateDatabase } from '../test/database.ts';
import { writeProjections } from './projections.ts';
import { listArtifacts } from './queries.ts';

beforeAll(migrateDatabase);

const stored = (name: string, sha256: string, run: string | null, at: number) =>
  artifactRow({ name, sha256, sizeBytes: 1, contentType: 'text/plain' }, 'log', {
    producedBy: run ?? 'inc_1',
    incident: 'inc_1',
    run,
    at,
  });

test('the nth artifact of a name within an incident is its version n, and storing one again changes nothing', async () => {
  const rows = [
    stored('log', 'a', null, 1),
    stored('diff', 'b', 'run_1', 2),
    stored('diff', 'c', 'run_2', 3),
    stored('log', 'd', null, 4),
  ];
  await writeProjections(env.DB, rows);
  await writeProjections(env.DB, [stored('log', 'a', null, 9)]);
  const shown = async (incident: string | null, run: string | null) =>
    (await listArtifacts(env.DB, { incident, run, limit: 10, cursor: null })).items.map(
      ({ name, version, sha256, producedBy }) => `${name} v${version} ${sha256} by ${producedBy}`,
    );
  expect(await shown('inc_1', null)).toEqual([
    'log v2 d by inc_1',
    'diff v2 c by run_2',
    'diff v1 b by run_1',
    'log v1 a by inc_1',
  ]);
  expect(await shown(null, 'run_2')).toEqual(['diff v2 c by run_2']);
  const first = await listArtifacts(env.DB, { incident: 'inc_1', run: null, limit: 3, cursor: null });
  const rest = await listArtifacts(env.DB, {
    incident: 'inc_1',
    run: null,
    limit: 3,
    cursor: first.cursor,
  });
  expect(rest.items.map(({ sha256 }) => sha256)).toEqual(['a']);
  expect(rest.cursor).toBeNull();
});
