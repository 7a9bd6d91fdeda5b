import { z } from 'zod';

/**
 * What the lock files of a repository let the registry route serve: names, versions, and the archives of exactly
 * those. Pure.
 */
export interface LockedPackages {
  versionsOf(name: string): ReadonlySet<string>;
  hasArchive(path: string): boolean;
}

const lockSchema = z.object({
  packages: z
    .record(
      z.string(),
      z.object({
        name: z.string().optional(),
        version: z.string().optional(),
        resolved: z.string().optional(),
        link: z.boolean().optional(),
      }),
    )
    .default({}),
});

const FOLDER = 'node_modules/';

/** Archives lie at `/<name>/-/<file>`; some registries name the file in a way of their own, which the lock records. */
function archivesOf(name: string, version: string, resolved: string | undefined): string[] {
  const own = `/${name}/-/${name.split('/').at(-1)}-${version}.tgz`;
  if (resolved === undefined || !URL.canParse(resolved)) return [own];
  const path = decodeURIComponent(new URL(resolved).pathname);
  const at = path.lastIndexOf(`/${name}/-/`);
  return at < 0 ? [own] : [own, path.slice(at)];
}

/** `locks` are texts of `package-lock.json` (version 2 or 3); one that cannot be read names nothing. */
export function lockedPackages(locks: readonly string[]): LockedPackages {
  const versions = new Map<string, Set<string>>();
  const archives = new Set<string>();
  for (const text of locks) {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      continue;
    }
    const lock = lockSchema.safeParse(json);
    if (!lock.success) continue;
    for (const [folder, entry] of Object.entries(lock.data.packages)) {
      const at = folder.lastIndexOf(FOLDER);
      if (at < 0 || entry.link || entry.version === undefined) continue;
      // An alias is installed under one name and fetched under another.
      const name = entry.name ?? folder.slice(at + FOLDER.length);
      // From Git or a file: nothing that a registry has.
      if (entry.resolved !== undefined && !/^https?:/.test(entry.resolved)) continue;
      versions.set(name, (versions.get(name) ?? new Set()).add(entry.version));
      for (const path of archivesOf(name, entry.version, entry.resolved)) archives.add(path);
    }
  }
  const none: ReadonlySet<string> = new Set();
  return {
    versionsOf: (name) => versions.get(name) ?? none,
    hasArchive: (path) => archives.has(path),
  };
}

/** A package document with the locked versions only, and no tag that points elsewhere. */
export function withLockedVersions(document: unknown, locked: ReadonlySet<string>): unknown {
  if (typeof document !== 'object' || document === null) return document;
  const { versions, 'dist-tags': tags, time: _time, ...rest } = document as Record<string, unknown>;
  if (typeof versions !== 'object' || versions === null) return document;
  const kept = Object.entries(versions).filter(([version]) => locked.has(version));
  const keptTags = Object.entries(typeof tags === 'object' && tags !== null ? tags : {}).filter(
    ([, version]) => locked.has(String(version)),
  );
  // Clients expect a `latest`.
  const latest = kept.at(-1)?.[0];
  return {
    ...rest,
    'dist-tags': { ...(latest === undefined ? {} : { latest }), ...Object.fromEntries(keptTags) },
    versions: Object.fromEntries(kept),
  };
}
