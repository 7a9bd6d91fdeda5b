import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readDefect } from './defect-patch.ts';

let dir: string;

async function put(path: string, text: string): Promise<string> {
  const file = join(dir, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'defect-test-'));
  await put('repo/src/a.js', 'one\ntwo\nthree\n');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const hunk = '@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n';
const patch = (old: string, now: string) => `diff --git ${old} ${now}\n--- ${old}\n+++ ${now}\n${hunk}`;
const read = async (text: string) => readDefect(join(dir, 'repo'), await put('x.patch', text));

test.each([
  ['git diff', patch('a/src/a.js', 'b/src/a.js')],
  ['git diff --no-prefix', patch('src/a.js', 'src/a.js')],
  ['diff -u', `--- old/src/a.js\t2026-01-01\n+++ new/src/a.js\t2026-01-02\n${hunk}`],
  ['a folder above', patch('a/services/rates/src/a.js', 'b/services/rates/src/a.js')],
  ['a folder below', patch('a/a.js', 'b/a.js')],
  ['an editor with CR LF', patch('a/src/a.js', 'b/src/a.js').replaceAll('\n', '\r\n')],
])('a patch of %s fits', async (_, text) => {
  const { diff } = await read(text);
  expect(diff).toContain('diff --git a/src/a.js b/src/a.js');
  expect(diff).toContain('-two\n+2\n');
});

test('a mail gives its subject, over several lines', async () => {
  const mail = `From 0 Mon\nFrom: A <a@x>\nSubject: [PATCH 1/2] Say it\n in figures\n\n---\n${patch('a/src/a.js', 'b/src/a.js')}-- \n2.39\n`;
  expect((await read(mail)).subject).toBe('Say it in figures');
});

test('lines end as those of the file do', async () => {
  await put('repo/src/a.js', 'one\r\ntwo\r\nthree\r\n');
  expect((await read(patch('a/src/a.js', 'b/src/a.js'))).diff).toContain('-two\r\n+2\r\n');
});

test('what cannot be used is said in words', async () => {
  await expect(readDefect(join(dir, 'repo'), join(dir, 'nothing'))).rejects.toThrow('cannot be read');
  await expect(read('hello')).rejects.toThrow('holds no patch');
  await expect(read(patch('a/src/b.js', 'b/src/b.js'))).rejects.toThrow('does not apply');
  await put('repo/src/a.js', 'one\n2\nthree\n');
  await expect(read(patch('a/src/a.js', 'b/src/a.js'))).rejects.toThrow('applied already');
});
