import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';

it('loses nothing of what was printed to a reader that is slow', async () => {
  const helper = new URL('exit-when-written.ts', import.meta.url).href;
  const program = `import { exitWhenWritten } from '${helper}';
    for (let n = 0; n < 20_000; n++) console.log('row', n);
    await exitWhenWritten(3);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program]);
  const ended = once(child, 'close');
  await new Promise((later) => setTimeout(later, 1_500));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  expect(await ended).toEqual([3, null]);
  expect(output.endsWith('row 19999\n')).toBe(true);
});
