import { expect, it } from 'vitest';
import { chooseMirror, DEBIAN_MIRROR } from './image-apt-sources.ts';

const paragraphs = `Types: deb
# http://ignored.example/debian
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
`;

it('takes the mirror that has the suite, with its key', () => {
  const files = [{ name: '/etc/apt/sources.list.d/debian.sources', text: paragraphs }];
  expect(chooseMirror(files, 'bookworm')).toEqual({
    url: 'http://mirror.example/debian',
    keyring: '/usr/share/keyrings/debian-archive-keyring.gpg',
  });
});

it('reads one-line sources, options and snapshots included', () => {
  const text = `# deb http://off.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://snapshot.example/archive/debian/20260801T000000Z/ trixie main
deb https://packages.example/apt tool main`;
  expect(chooseMirror([{ name: '/etc/apt/sources.list', text }], 'bookworm')).toEqual({
    url: 'http://snapshot.example/archive/debian/20260801T000000Z',
    keyring: '/k.gpg',
  });
});

it('falls back to Debian’s own', () => {
  const text = 'deb http://archive.example/ubuntu noble main';
  expect(chooseMirror([{ name: '/etc/apt/sources.list', text }], 'bookworm')).toEqual(DEBIAN_MIRROR);
  expect(chooseMirror([], 'bookworm')).toEqual(DEBIAN_MIRROR);
});
