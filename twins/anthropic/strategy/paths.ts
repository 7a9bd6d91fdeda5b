import { isTestFile } from '../../../core/evidence/test-files.ts';

export { isTestFile };

export type FileKind = 'source' | 'data' | 'config' | 'test' | 'lock' | 'docs' | 'pipeline';

export function fileKind(path: string): FileKind {
  const name = path.split('/').at(-1) ?? path;
  if (/^\.github\/|^\.gitlab-ci|azure-pipelines[^/]*\.ya?ml$|^\.circleci\/|^Jenkinsfile$/.test(path))
    return 'pipeline';
  if (isTestFile(path)) return 'test';
  if (/^(package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml)$/.test(name)) return 'lock';
  if (/\.(md|mdx|txt|adoc)$|^(LICENSE|CHANGELOG|AUTHORS|CODEOWNERS)/i.test(name)) return 'docs';
  if (
    /^(package\.json|tsconfig.*\.json|biome\.jsonc?|\..*rc(\.\w+)?|.*\.config\.[cm]?[jt]s|\.npmrc|\.nvmrc|\.gitignore|\.editorconfig)$/.test(
      name,
    )
  )
    return 'config';
  if (/\.([cm]?[jt]sx?|vue|svelte)$/.test(name)) return 'source';
  return 'data';
}

/** `src/rate.test.ts` and `rate.ts` share the stem `rate`. */
export function stem(path: string): string {
  const name = path.split('/').at(-1) ?? path;
  return name
    .replace(/\.(json|ya?ml|[cm]?[jt]sx?)$/, '')
    .replace(/[._-](test|spec)s?$/, '')
    .replace(/^test[._-]/, '');
}

/** Resolves `./x.js` seen in `from` without touching a disk: a path without its extension. */
export function resolveImport(from: string, specifier: string): string {
  const parts = from.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.' && part !== '') parts.push(part);
  }
  return withoutExtension(parts.join('/'));
}

export function withoutExtension(path: string): string {
  return path.replace(/\.([cm]?[jt]sx?|json)$/, '').replace(/\/index$/, '');
}

/** Relative specifiers that a module imports, requires, or names as a file to read. */
export function importsOf(text: string): string[] {
  const pattern = /(?:from\s*|import\s*\(?\s*|require\s*\(\s*|new URL\(\s*)['"](\.{1,2}(?:\/[^'"]*)?)['"]/g;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? '');
}
