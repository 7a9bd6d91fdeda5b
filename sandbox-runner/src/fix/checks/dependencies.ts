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

function checkManifest({ path, before, after }: FileVersions): Refusal[] {
  if (after === null) return [];
  const [was, is] = [parseManifest(before), parseManifest(after)];
  const [known, now] = [dependenciesOf(was), dependenciesOf(is)];
  const added = [...now.keys()].filter((name) => !known.has(name));
  const elsewhere = [...now]
    .filter(([name, range]) => known.get(name) !== range && !isRegistryRange(range))
    .map(([name]) => name);
  const hooks = INSTALL_SCRIPTS.filter((name) => was.scripts?.[name] !== is.scripts?.[name]);
  const overridden = JSON.stringify(was.overrides ?? {}) !== JSON.stringify(is.overrides ?? {});
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

function hostOf(resolved: string): string {
  return URL.canParse(resolved) ? new URL(resolved).host : resolved;
}

function checkLock({ path, before, after }: FileVersions): Refusal[] {
  if (after === null || before === null) return [];
  const was = read(lockSchema, before)?.packages ?? {};
  const is = read(lockSchema, after)?.packages ?? {};
  const nameOf = (key: string) => key.split('node_modules/').at(-1) ?? key;
  const known = new Set(Object.keys(was).map(nameOf));
  const added = [...new Set(Object.keys(is).map(nameOf))].filter((name) => name !== '' && !known.has(name));
  const hosts = new Set(Object.values(was).map(({ resolved }) => hostOf(resolved ?? '')));
  const elsewhere = Object.entries(is)
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

/** No package that was not there before, none from another place, and nothing new that runs on install. */
export const checkDependencies: Check = ({ manifests }) =>
  manifests.flatMap((file) =>
    /(^|\/)package\.json$/.test(file.path) ? checkManifest(file) : checkLock(file),
  );
