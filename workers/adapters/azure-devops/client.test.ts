import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Outside } from '../../test/outside.ts';
import { azureDevOpsClient, pathOf } from './client.ts';
import type { AzureDevOpsError } from './error.ts';

let outside: Outside;
beforeEach(() => {
  outside = new Outside();
});

const api = azureDevOpsClient({
  url: 'http://azure-devops.test/demo',
  organisation: 'demo',
  projects: ['shop'],
  pat: 'secret-pat',
});
const answer = (response: () => Response) => outside.on(response);
const failure = async (): Promise<AzureDevOpsError> =>
  api.get('/x', z.object({ a: z.number() })).then(
    () => {
      throw new Error('it did not fail');
    },
    (error: AzureDevOpsError) => error,
  );

describe('the Azure DevOps client', () => {
  it('escapes what it is given: no name becomes a path or a query', () => {
    expect(pathOf('a/../b', '_apis', 'x?y#z', 7)).toBe('/a%2F..%2Fb/_apis/x%3Fy%23z/7');
  });

  it('knows what may be tried again, and when', async () => {
    answer(() => Response.json({ message: 'busy' }, { status: 429, headers: { 'retry-after': '7' } }));
    expect(await failure()).toMatchObject({ status: 429, retryable: true, retryAfterMs: 7_000 });
    answer(() => new Response('oops', { status: 503 }));
    expect(await failure()).toMatchObject({ status: 503, retryable: true });
    answer(() => Response.json({ message: 'no', typeKey: 'Nope' }, { status: 400 }));
    expect(await failure()).toMatchObject({ status: 400, retryable: false, typeKey: 'Nope' });
    answer(() => {
      throw new TypeError('network');
    });
    expect(await failure()).toMatchObject({ status: null, retryable: true });
  });

  it('takes a redirect or a sign-in page as a refused token, follows nothing and tells no secret', async () => {
    answer(() => new Response(null, { status: 302, headers: { location: 'http://evil.test/' } }));
    const redirected = await failure();
    expect(redirected).toMatchObject({ status: 302, retryable: false });
    answer(() => new Response('<html>sign in</html>', { status: 203 }));
    expect(await failure()).toMatchObject({ status: 203, retryable: false });
    expect(outside.requests.every(({ url }) => url.host === 'azure-devops.test')).toBe(true);
    expect(`${redirected.message}${redirected.stack}`).not.toContain('secret-pat');
  });

  it('refuses an answer of another shape', async () => {
    answer(() => Response.json({ a: 'text' }));
    expect(await failure()).toMatchObject({ retryable: false });
    answer(() => new Response('<html>'));
    expect(await failure()).toMatchObject({ retryable: true });
  });
});
