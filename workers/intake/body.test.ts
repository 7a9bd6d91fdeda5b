import { expect, it } from 'vitest';
import { drainBody, readBody } from './body.ts';

const request = (body: string) => new Request('http://x.test/', { method: 'POST', body });

it('keeps what fits and says when there was more', async () => {
  expect(await readBody(request('12345'), 5)).toEqual({ text: '12345', sizeBytes: 5, truncated: false });
  expect(await readBody(request('123456'), 5)).toEqual({ text: '12345', sizeBytes: 5, truncated: true });
  expect(await readBody(new Request('http://x.test/'), 5)).toEqual({
    text: '',
    sizeBytes: 0,
    truncated: false,
  });
});

it('leaves nothing of the body unread, so that the connection can be used again', async () => {
  const large = request('x'.repeat(3_000_000));
  await readBody(large, 10);
  expect(large.bodyUsed).toBe(true);
  const unread = request('y');
  await drainBody(unread);
  await drainBody(unread);
  expect(unread.bodyUsed).toBe(true);
});
