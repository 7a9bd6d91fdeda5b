import { Hono } from 'hono';
import { z } from 'zod';
import { listBackedUp } from '../backup/list-objects.ts';
import { dropManifest, makeManifestPage, newestManifest } from '../backup/manifest.ts';
import {
  beginRestore,
  endRestore,
  openRestore,
  restoreD1Own,
  restoreLines,
  restoreObjectOf,
  resumeObject,
} from '../backup/restore.ts';
import { verifyPage } from '../backup/verify.ts';
import { dayOf } from '../db/audit-root.ts';
import type { Env } from '../env.ts';
import { Refusal } from '../problems.ts';
import { auditOperator } from './audit-operator.ts';
import { jsonBody } from './json-body.ts';

/** Objects that are named in one answer. */
const OBJECTS_PER_PAGE = 200;

const linesSchema = z.object({
  linesTo: z.number().int().nonnegative(),
  after: z.object({ key: z.string().max(500), n: z.number().int().nonnegative() }).nullable(),
});

/** Backups, and the steps of a restore; a client takes them one after the other, each may be repeated. */
export const backupApi = new Hono<{ Bindings: Env }>();

backupApi.get('/backup', async ({ env, json }) =>
  json({ manifest: await newestManifest(env.ARTIFACTS), restoring: (await openRestore(env.DB)) !== null }),
);

/** Makes today's manifest anew, a page per call: 202 until it is whole. `?page=1` begins. */
backupApi.post('/backup/manifest', async (context) => {
  const { env } = context;
  const nowMs = Date.now();
  const day = dayOf(nowMs);
  if (context.req.query('page') === '1') await dropManifest(env.ARTIFACTS, day);
  const made = await makeManifestPage(env.DB, env.ARTIFACTS, day, nowMs);
  if (made !== null) return context.json({ next: made.page + 1 }, 202);
  return context.json({ next: null, manifest: await newestManifest(env.ARTIFACTS) });
});

/** `?page=`: compares a page of the newest manifest with the bucket. */
backupApi.get('/backup/verify', async (context) => {
  const manifest = await newestManifest(context.env.ARTIFACTS);
  if (manifest === null) throw new Refusal('not_found', 'no manifest was made yet: dogwatch backup now');
  const page = Number(context.req.query('page') ?? '1');
  const verified = await verifyPage(context.env.ARTIFACTS, manifest.day, page);
  if (verified === null) throw new Refusal('not_found', `the manifest has no page ${page}`);
  return context.json({ day: manifest.day, ...verified });
});

backupApi.get('/restore/objects', async (context) =>
  context.json(
    await listBackedUp(context.env.ARTIFACTS, context.req.query('cursor') ?? null, OBJECTS_PER_PAGE),
  ),
);
backupApi.post('/restore/begin', async (context) =>
  context.json(await beginRestore(context.env, Date.now())),
);
backupApi.post('/restore/objects/:objectType/:object', async (context) =>
  context.json(await restoreObjectOf(context.env, context.req.param())),
);
backupApi.post('/restore/objects/:objectType/:object/rows', async (context) => {
  const { linesTo, after } = await jsonBody(context.req.raw, linesSchema);
  return context.json(await restoreLines(context.env, context.req.param(), linesTo, after));
});
backupApi.post('/restore/objects/:objectType/:object/resume', async (context) => {
  await resumeObject(context.env, context.req.param());
  return context.json({ resumed: true });
});
backupApi.post('/restore/database', async (context) =>
  context.json({ own: await restoreD1Own(context.env, Date.now()) }),
);
backupApi.post('/restore/end', async (context) => {
  await endRestore(context.env, Date.now());
  await auditOperator(context.env, 'restored', {});
  return context.json({ ended: true });
});
