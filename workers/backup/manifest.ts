import { html } from '../../core/text/plain.ts';
import { BACKUP_ROOT } from '../../durable-objects/shared/backup-part.ts';
import { dayOf } from '../db/audit-root.ts';
import type { Env } from '../env.ts';
import { safetyAlert, tellOperator } from '../tell-operator.ts';
import { gunzipJson, gzipJson } from './gzip-json.ts';

const MANIFESTS = 'backup/manifests/';
/** Keys in one page: R2 lists so many at once, and fewer with what is known of each. */
const PAGE_KEYS = 1_000;
/** Pages made in one tick. */
const PAGES_PER_TICK = 3;
/** A night is quiet: after the day was sealed. */
const NOT_BEFORE_MS = 2 * 3_600_000;
/** It is tried each minute until then before the operator hears of it. */
const LATE_MS = 6 * 3_600_000;
const DAY_MS = 86_400_000;

export interface ManifestItem {
  key: string;
  sizeBytes: number;
  /** Of the part before compression. */
  sha256: string | null;
  /** Of a part of rows: the end of the object's chain at that moment. */
  head: { seq: number; hash: string } | null;
}

export interface ManifestPage {
  page: number;
  items: ManifestItem[];
  /** The next page begins behind this key; null: this is the last one. */
  next: string | null;
}

/** What D1 holds of its own: everything else in it can be made from what the objects told. */
export interface D1Own {
  auditRoots: Record<string, unknown>[];
  rootsChain: Record<string, unknown>[];
  periodicPosts: Record<string, unknown>[];
}

export interface ManifestSummary {
  day: string;
  at: number;
  pages: number;
  parts: number;
  sizeBytes: number;
}

const pageKey = (day: string, page: number): string =>
  `${MANIFESTS}${day}/${String(page).padStart(6, '0')}.json.gz`;
const summaryKey = (day: string): string => `${MANIFESTS}${day}/summary.json`;
const d1Key = (day: string): string => `${MANIFESTS}${day}/d1.json.gz`;

/** The nightly manifest, a few pages per call; calling it every minute is fine. */
export async function makeNightlyManifest(env: Env, nowMs: number): Promise<void> {
  if (nowMs % DAY_MS < NOT_BEFORE_MS) return;
  const day = dayOf(nowMs);
  const name = `backup-manifest:${day}`;
  const isMade = await env.DB.prepare('SELECT 1 FROM periodic_posts WHERE id = ?').bind(name).first();
  if (isMade !== null) return;
  try {
    for (let made = 0; made < PAGES_PER_TICK; made++)
      if ((await makeManifestPage(env.DB, env.ARTIFACTS, day, nowMs)) === null)
        return void (await env.DB.prepare(
          'INSERT INTO periodic_posts (id, at, told) VALUES (?, ?, 0) ON CONFLICT DO NOTHING',
        )
          .bind(name, nowMs)
          .run());
  } catch (error) {
    if (nowMs % DAY_MS >= LATE_MS) await tellOfFailure(env, day, error, nowMs);
    throw error;
  }
}

/** Once a day: what cannot be listed is not written either. */
async function tellOfFailure(env: Env, day: string, error: unknown, nowMs: number): Promise<void> {
  const text = `tonight’s manifest could not be made: ${html(String(error), 500)}\nTry: <code>dogwatch backup now</code>`;
  await tellOperator(env, {
    key: `backup-late:${day}`,
    html: safetyAlert('backup', text),
    at: nowMs,
  });
}

/** Makes the next page of this day's manifest. Gives what is there of it so far; null when it is whole. */
export async function makeManifestPage(
  d1: D1Database,
  bucket: R2Bucket,
  day: string,
  nowMs: number,
): Promise<{ page: number } | null> {
  const before = await lastPage(bucket, day);
  if (before !== null && before.next === null) return null;
  const page = (before?.page ?? 0) + 1;
  const listed: R2Objects = await bucket.list({
    prefix: BACKUP_ROOT,
    limit: PAGE_KEYS,
    include: ['customMetadata'],
    ...(before?.next ? { startAfter: before.next } : {}),
  });
  const items = listed.objects.map(itemOf);
  const next = listed.truncated ? (items.at(-1)?.key ?? null) : null;
  if (next === null) {
    const sizes = await sumUp(bucket, day, page - 1);
    await bucket.put(d1Key(day), gzipJson(await readD1Own(d1)));
    const summary: ManifestSummary = {
      day,
      at: nowMs,
      pages: page,
      parts: sizes.parts + items.length,
      sizeBytes: sizes.sizeBytes + items.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    };
    await bucket.put(summaryKey(day), JSON.stringify(summary));
  }
  await bucket.put(pageKey(day, page), gzipJson({ page, items, next } satisfies ManifestPage));
  return next === null ? null : { page };
}

/** Throws away what there is of this day's manifest, so that it is made anew. */
export async function dropManifest(bucket: R2Bucket, day: string): Promise<void> {
  const { objects } = await bucket.list({ prefix: `${MANIFESTS}${day}/` });
  if (objects.length > 0) await bucket.delete(objects.map(({ key }) => key));
}

/** The newest whole one; null: none was made yet. */
export async function newestManifest(bucket: R2Bucket): Promise<ManifestSummary | null> {
  const { delimitedPrefixes } = await bucket.list({ prefix: MANIFESTS, delimiter: '/' });
  for (const prefix of delimitedPrefixes.sort().reverse()) {
    const found = await bucket.get(`${prefix}summary.json`);
    if (found !== null) return found.json<ManifestSummary>();
  }
  return null;
}

export async function readManifestPage(
  bucket: R2Bucket,
  day: string,
  page: number,
): Promise<ManifestPage | null> {
  const found = await bucket.get(pageKey(day, page));
  return found === null ? null : gunzipJson<ManifestPage>(await found.arrayBuffer());
}

export async function readD1Backup(bucket: R2Bucket, day: string): Promise<D1Own | null> {
  const found = await bucket.get(d1Key(day));
  return found === null ? null : gunzipJson<D1Own>(await found.arrayBuffer());
}

function itemOf({ key, size, customMetadata }: R2Object): ManifestItem {
  const { sha256 = null, headSeq = '0', headHash = '' } = customMetadata ?? {};
  return {
    key,
    sizeBytes: size,
    sha256,
    head: headHash === '' ? null : { seq: Number(headSeq), hash: headHash },
  };
}

async function lastPage(bucket: R2Bucket, day: string): Promise<ManifestPage | null> {
  const { objects } = await bucket.list({ prefix: `${MANIFESTS}${day}/0` });
  return objects.length === 0 ? null : readManifestPage(bucket, day, objects.length);
}

async function sumUp(
  bucket: R2Bucket,
  day: string,
  pages: number,
): Promise<{ parts: number; sizeBytes: number }> {
  const sum = { parts: 0, sizeBytes: 0 };
  for (let page = 1; page <= pages; page++)
    for (const { sizeBytes } of (await readManifestPage(bucket, day, page))?.items ?? []) {
      sum.parts += 1;
      sum.sizeBytes += sizeBytes;
    }
  return sum;
}

async function readD1Own(d1: D1Database): Promise<D1Own> {
  const rows = async (query: string) => (await d1.prepare(query).all<Record<string, unknown>>()).results;
  return {
    auditRoots: await rows('SELECT * FROM audit_roots ORDER BY day'),
    rootsChain: await rows(`SELECT * FROM audit WHERE chain = 'audit-roots' ORDER BY seq`),
    periodicPosts: await rows('SELECT * FROM periodic_posts ORDER BY id'),
  };
}
