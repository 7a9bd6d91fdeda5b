/**
 * Points the archives of a package document at the gateway. Archives under the registry keep their path; others
 * get the path every registry serves (`<name>/-/<file>`).
 */
export function rewritePackument(
  packument: unknown,
  registry: { url: string; replacement: string },
): unknown {
  if (typeof packument !== 'object' || packument === null) return packument;
  const base = withSlash(registry.url);
  const replacement = withSlash(registry.replacement);
  const document = packument as Record<string, unknown>;
  const rewriteVersion = (version: unknown): unknown => {
    if (typeof version !== 'object' || version === null) return version;
    const { name, dist } = version as { name?: unknown; dist?: unknown };
    if (typeof dist !== 'object' || dist === null) return version;
    const { tarball } = dist as { tarball?: unknown };
    if (typeof tarball !== 'string') return version;
    return {
      ...version,
      dist: { ...dist, tarball: rewriteTarball(tarball, String(name), base, replacement) },
    };
  };
  if (typeof document.versions !== 'object' || document.versions === null) return rewriteVersion(document);
  const versions = Object.fromEntries(
    Object.entries(document.versions).map(([key, version]) => [key, rewriteVersion(version)]),
  );
  return { ...document, versions };
}

const withSlash = (url: string) => (url.endsWith('/') ? url : `${url}/`);

function rewriteTarball(tarball: string, name: string, base: string, replacement: string): string {
  if (!URL.canParse(tarball)) return tarball;
  const url = new URL(tarball);
  const own = new URL(base);
  if (url.host === own.host && url.pathname.startsWith(own.pathname)) {
    return replacement + url.pathname.slice(own.pathname.length);
  }
  return `${replacement}${name}/-/${url.pathname.split('/').at(-1)}`;
}
