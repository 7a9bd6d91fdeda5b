import { env } from 'cloudflare:test';
import { beforeAll, expect, test } from 'vitest';
import { migrateDatabase } from '../test/database.ts';
import { Outside, until } from '../test/outside.ts';
import { makeNightlyManifest, newestManifest, readD1Backup, readManifestPage } from './manifest.ts';

beforeAll(migrateDatabase);

const night = Date.parse('2026-03-02T02:00:00Z');
const HOUR = 3_600_000;

test('the manifest of a night names every part once, over several pages, and is made once', async () => {
  for (let n = 0; n < 450; n++)
    await env.ARTIFACTS.put(`backup/objects/test/o${String(n).padStart(5, '0')}/rows/1/1.ndjson.gz`, 'x', {
      customMetadata: { sha256: 'abc', headSeq: '3', headHash: 'def' },
    });
  await makeNightlyManifest(env, night - 1);
  expect(await newestManifest(env.ARTIFACTS)).toBeNull();
  for (let minute = 0; minute < 10; minute++) await makeNightlyManifest(env, night + minute * 60_000);
  const made = await newestManifest(env.ARTIFACTS);
  expect(made).toMatchObject({ day: '2026-03-02', parts: 450, sizeBytes: 450 });
  expect(made?.pages).toBeGreaterThan(1);
  const numbers = Array.from({ length: made?.pages ?? 0 }, (_, n) => n + 1);
  const pages = await Promise.all(numbers.map((page) => readManifestPage(env.ARTIFACTS, '2026-03-02', page)));
  const items = pages.flatMap((page) => page?.items ?? []);
  expect(new Set(items.map(({ key }) => key)).size).toBe(450);
  expect(items[0]).toMatchObject({ sha256: 'abc', head: { seq: 3, hash: 'def' } });
  expect(await readD1Backup(env.ARTIFACTS, '2026-03-02')).toMatchObject({ auditRoots: [], rootsChain: [] });
  await env.ARTIFACTS.put('backup/objects/test/later/rows/1/1.ndjson.gz', 'x');
  await makeNightlyManifest(env, night + HOUR);
  expect(await newestManifest(env.ARTIFACTS)).toEqual(made);
});

test('the operator hears in the morning, once, that it could not be made', async () => {
  const outside = new Outside();
  outside.json('POST', /sendMessage/, () => ({ ok: true, result: { message_id: 1 } }));
  const away = {
    list: () => Promise.reject(new Error('R2 is away')),
  } as unknown as R2Bucket;
  const broken = { ...env, ARTIFACTS: away };
  const tomorrow = night + 24 * HOUR;
  for (const at of [tomorrow, tomorrow + 4 * HOUR, tomorrow + 5 * HOUR])
    await expect(makeNightlyManifest(broken, at)).rejects.toThrow('R2 is away');
  const alerts = () =>
    outside.asked('POST', /sendMessage/).map(({ body }) => (body as { text: string }).text);
  await until(async () => alerts().length > 0);
  expect(alerts()).toEqual([
    expect.stringContaining('tonight’s manifest could not be made: Error: R2 is away'),
  ]);
});
