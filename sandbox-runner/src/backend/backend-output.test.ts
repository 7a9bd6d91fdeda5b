import { expect, it } from 'vitest';
import { boundedOutput } from './backend-output.ts';

it('keeps short output as it is', () => {
  const output = boundedOutput(100);
  output.push(Buffer.from('one\n'));
  output.push(Buffer.from('two\n'));
  expect(output.text()).toBe('one\ntwo\n');
});

it('keeps beginning and end of long output and names the gap', () => {
  const output = boundedOutput(20);
  for (let i = 0; i < 100; i++) output.push(Buffer.from(`line ${String(i).padStart(2, '0')}\n`));
  expect(output.text()).toBe('line 00\nli\n… 780 bytes left out …\n8\nline 99\n');
});
