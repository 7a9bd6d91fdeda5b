import { expect, it } from 'vitest';
import { rewritePackument } from './packument.ts';

const tarballOf = (tarball: string, url: string) => {
  const document = {
    name: '@a/b',
    versions: { '1.0.0': { name: '@a/b', dist: { tarball, integrity: 'sha512-x' } } },
  };
  const rewritten = rewritePackument(document, { url, replacement: 'http://10.213.0.1:4000/npm/' });
  return (rewritten as typeof document).versions['1.0.0'].dist;
};

it('points archives of the registry at the gateway and keeps their integrity', () => {
  expect(tarballOf('https://registry.example/@a/b/-/b-1.0.0.tgz', 'https://registry.example')).toEqual({
    tarball: 'http://10.213.0.1:4000/npm/@a/b/-/b-1.0.0.tgz',
    integrity: 'sha512-x',
  });
});

it('knows a registry that lives under a path', () => {
  const { tarball } = tarballOf('https://host/feed/npm/@a/b/-/b-1.0.0.tgz', 'https://host/feed/npm/');
  expect(tarball).toBe('http://10.213.0.1:4000/npm/@a/b/-/b-1.0.0.tgz');
});

it('gives archives of another host the usual path', () => {
  const { tarball } = tarballOf('https://cdn.example/x/b-1.0.0.tgz', 'https://registry.example');
  expect(tarball).toBe('http://10.213.0.1:4000/npm/@a/b/-/b-1.0.0.tgz');
});

it('leaves what is no package document as it is', () => {
  expect(rewritePackument({ error: 'no' }, { url: 'https://r', replacement: 'http://g' })).toEqual({
    error: 'no',
  });
  expect(rewritePackument(null, { url: 'https://r', replacement: 'http://g' })).toBeNull();
});
