/**
 * Run once when the image is built: `strip-types.ts FOLDER` writes this program as plain JavaScript there. Node can
 * run the sources as they are, but loads its own stripper for it each time, which a start would wait for.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';

const [, , folder] = process.argv;
if (!folder) throw new Error('strip-types.ts FOLDER');
await mkdir(folder, { recursive: true });
for (const name of await readdir(import.meta.dirname)) {
  if (!name.endsWith('.ts') || name === 'strip-types.ts') continue;
  const source = await readFile(join(import.meta.dirname, name), 'utf8');
  const script = stripTypeScriptTypes(source).replace(
    /(from |import |import\()'(\.\/[\w-]+)\.ts'/g,
    "$1'$2.js'",
  );
  await writeFile(join(folder, name.replace(/\.ts$/, '.js')), script);
}
