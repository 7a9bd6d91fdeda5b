import { z } from 'zod';
import type { Check, FileVersions } from '../fix-under-check.ts';
import { type Refusal, refusal, some } from '../refusal.ts';

const names = z.record(z.string(), z.string()).catch({});
const manifestSchema = z.object({
  dependencies: names.optional(),
  devDependencies: names.optional(),
  optionalDependencies: names.optional(),
  peerDependencies: names.optional(),
  overrides: z.record(z.string(), z.unknown()).optional(),
  scripts: names.optional(),
});
type Manifest = z.infer<typeof manifestSchema>;
const lockSchema = z.object({
  packages: z.record(z.string(), z.object({ resolved: z.string().optional() }).loose()).optional(),
});

/** Scripts that an install runs by itself. */
const INSTALL_SCRIPTS = [
  'preinstall',
  'install',
  'postinstall',
  'preprepare',
  'prepare',
  'postprepare',
  'prepublish',
];

function read<T>(schema: z.ZodType<T>, text: string | null): T | null {
  if (text === null) return null;
  try {
    return schema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

export function parseManifest(text: string | null): Manifest {
  return read(manifestSchema, text) ?? {};
}

function dependenciesOf(manifest: Manifest): Map<string, string> {
  return new Map([
    ...Object.entries(manifest.dependencies ?? {}),
    ...Object.entries(manifest.devDependencies ?? {}),
    ...Object.entries(manifest.optionalDependencies ?? {}),
    ...Object.entries(manifest.peerDependencies ?? {}),
  ]);
}

/** A version or range of the registry; not an address, a path or another package's name. */
const isRegistryRange = (range: string) => !/[:/]/.test(range) || range.startsWith('workspace:');

function checkManifest({ path, before, after }: FileVersions, earlier: readonly string[]): Refusal[] {
  if (after === null) return [];
  const [was, is] = [parseManifest(before), parseManifest(after)];
  const [known, now] = [dependenciesOf(was), dependenciesOf(is)];
  const past = earlier.map((text) => dependenciesOf(parseManifest(text)));
  const isRestored = (name: string) => past.some((names) => names.get(name) === now.get(name));
  const added = [...now.keys()].filter((name) => !known.has(name) && !isRestored(name));
  const elsewhere = [...now]
    .filter(([name, range]) => known.get(name) !== range && !isRegistryRange(range) && !isRestored(name))
    .map(([name]) => name);
  const earlierManifests = earlier.map(parseManifest);
  const hooks = INSTALL_SCRIPTS.filter(
    (name) =>
      was.scripts?.[name] !== is.scripts?.[name] &&
      !earlierManifests.some(({ scripts }) => scripts?.[name] === is.scripts?.[name]),
  );
  const overrides = (manifest: Manifest) => JSON.stringify(manifest.overrides ?? {});
  const overridden =
    overrides(was) !== overrides(is) && !earlierManifests.some((one) => overrides(one) === overrides(is));
  return [
    ...(added.length > 0
      ? [refusal('new_dependency', `${path} gains ${some(added)}: a new dependency needs an approval.`)]
      : []),
    ...(elsewhere.length > 0 || overridden
      ? [
          refusal(
            'dependency_source',
            `${path} takes packages from elsewhere: ${some(elsewhere) || 'overrides'}.`,
          ),
        ]
      : []),
    ...(hooks.length > 0
      ? [refusal('install_script', `${path} changes what an install runs: ${some(hooks)}.`)]
      : []),
  ];
}

const nameOf = (key: string) => key.split('node_modules/').at(-1) ?? key;

function hostOf(resolved: string): string {
  return URL.canParse(resolved) ? new URL(resolved).host : resolved;
}

/** What an entry installs: the same name, version, place and content are the same package. */
const identityOf = (key: string, entry: object) => `${nameOf(key)} ${JSON.stringify(entry)}`;

function checkLock({ path, before, after }: FileVersions, earlier: readonly string[]): Refusal[] {
  if (after === null || before === null) return [];
  const was = read(lockSchema, before)?.packages ?? {};
  const is = read(lockSchema, after)?.packages ?? {};
  const known = new Set(Object.keys(was).map(nameOf));
  const past = new Set(
    earlier.flatMap((text) =>
      Object.entries(read(lockSchema, text)?.packages ?? {}).map(([key, entry]) => identityOf(key, entry)),
    ),
  );
  const unknown = Object.entries(is).filter(
    ([key, entry]) => key !== '' && !past.has(identityOf(key, entry)),
  );
  const added = [...new Set(unknown.map(([key]) => nameOf(key)))].filter((name) => !known.has(name));
  const hosts = new Set(Object.values(was).map(({ resolved }) => hostOf(resolved ?? '')));
  const elsewhere = unknown
    .filter(([, { resolved }]) => resolved !== undefined && !hosts.has(hostOf(resolved)))
    .map(([key]) => nameOf(key));
  return [
    ...(added.length > 0
      ? [refusal('new_dependency', `${path} gains ${some(added)}: a new dependency needs an approval.`)]
      : []),
    ...(elsewhere.length > 0 && hosts.size > 1
      ? [refusal('dependency_source', `${path} takes packages from elsewhere: ${some(elsewhere)}.`)]
      : []),
  ];
}

/**
 * No package that was not there before, none from another place, and nothing new that runs on install. What a
 * recent ancestor had, to the letter, was there before: the commit that broke the build may have taken it away.
 */
export const checkDependencies: Check = ({ manifests, earlier }) =>
  manifests.flatMap((file) =>
    /(^|\/)package\.json$/.test(file.path)
      ? checkManifest(file, earlier.get(file.path) ?? [])
      : checkLock(file, earlier.get(file.path) ?? []),
  );
