import { describe, expect, it } from 'vitest';
import { lockedPackages, withLockedVersions } from './npm-lock.ts';

const lock = JSON.stringify({
  lockfileVersion: 3,
  packages: {
    '': { name: 'shop', version: '1.0.0' },
    'node_modules/ms': { version: '2.1.3', resolved: 'https://registry.example/api/ms/-/ms-2.1.3.tgz' },
    'node_modules/a/node_modules/ms': { version: '2.0.0' },
    'node_modules/@scope/tool': { version: '1.2.3-rc.1' },
    'node_modules/alias': { name: 'real', version: '4.0.0' },
    'node_modules/odd': { version: '1.0.0', resolved: 'https://r.example/odd/-/odd-1.0.0-abc.tgz' },
    'node_modules/fork': { version: '1.0.0', resolved: 'git+ssh://git@host.example/fork.git#abc' },
    'node_modules/own': { resolved: 'packages/own', link: true },
    'packages/own': { version: '0.0.1' },
  },
});

describe('what a lock file lets the registry serve', () => {
  const locked = lockedPackages([lock, 'not JSON', '[]']);

  it.each([
    '/ms/-/ms-2.1.3.tgz',
    '/ms/-/ms-2.0.0.tgz',
    '/@scope/tool/-/tool-1.2.3-rc.1.tgz',
    '/real/-/real-4.0.0.tgz',
    '/odd/-/odd-1.0.0-abc.tgz',
  ])('has %s', (path) => expect(locked.hasArchive(path)).toBe(true));

  it.each([
    '/ms/-/ms-2.1.2.tgz',
    '/left-pad/-/left-pad-1.0.0.tgz',
    '/alias/-/alias-4.0.0.tgz',
    '/fork/-/fork-1.0.0.tgz',
    '/own/-/own-0.0.1.tgz',
    '/shop/-/shop-1.0.0.tgz',
    '/ms/-/../../x.tgz',
  ])('has no %s', (path) => expect(locked.hasArchive(path)).toBe(false));

  it('leaves of a package document what is locked', () => {
    expect([...locked.versionsOf('ms')].sort()).toEqual(['2.0.0', '2.1.3']);
    expect([...locked.versionsOf('left-pad')]).toEqual([]);
    const document = {
      name: 'ms',
      'dist-tags': { latest: '3.0.0', old: '2.0.0' },
      versions: { '2.0.0': {}, '2.1.3': {}, '3.0.0': {} },
    };
    expect(withLockedVersions(document, locked.versionsOf('ms'))).toEqual({
      name: 'ms',
      'dist-tags': { latest: '2.1.3', old: '2.0.0' },
      versions: { '2.0.0': {}, '2.1.3': {} },
    });
  });
});
