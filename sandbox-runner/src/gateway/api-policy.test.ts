import { describe, expect, it } from 'vitest';
import { decideRoute } from './route-policy.ts';
import { ROUTE_NAMES, unknownRoutes } from './routes.ts';

const grant = {
  routes: ['azure-devops', 'github', 'status-page', 'dozzle'],
  repository: { project: 'my shop', repository: 'rates' },
  tools: null,
};
const decide = (method: string, target: string) => decideRoute(method, target, grant);

describe('the doors to APIs', () => {
  it('make the upstream path of the names of the run', () => {
    expect(decide('GET', '/azure-devops/my%20shop/_apis/build/builds/7/timeline?api-version=7.1')).toEqual({
      kind: 'azure-devops',
      path: '/my%20shop/_apis/build/builds/7/timeline',
      query: 'api-version=7.1',
      isStream: false,
    });
    expect(
      decideRoute('GET', '/github/repos/acme/rates/issues/7', {
        ...grant,
        repository: { project: 'acme', repository: 'rates' },
      }),
    ).toEqual({
      kind: 'github',
      path: '/repos/acme/rates/issues/7',
      query: '',
      isStream: false,
    });
  });

  it.each([
    ['/status-page', 'status-page', ''],
    ['/dozzle/api/events/stream', 'dozzle', '/api/events/stream'],
    [
      '/dozzle/api/hosts/staging-1/containers/0123456789ab/logs?stdout=1&from=2026-03-09T08:00:00Z',
      'dozzle',
      '/api/hosts/staging-1/containers/0123456789ab/logs',
    ],
  ])('lead %s to %s%s', (target, kind, path) => expect(decide('GET', target)).toMatchObject({ kind, path }));

  it.each([
    ['POST', '/azure-devops/my%20shop/_apis/build/builds'],
    ['GET', '/azure-devops/other/_apis/build/builds/7'],
    ['GET', '/azure-devops/my%20shop/_apis/build/definitions/1'],
    ['GET', '/azure-devops/my%20shop/_apis/build/builds/7/logs/3?x=1'],
    ['GET', '/azure-devops/my%20shop/_apis/build/builds/7?api-version=7.1&api-version=1'],
    ['GET', '/azure-devops/my%20shop/_apis/build/builds?branchName=%0d%0aX: y'],
    ['GET', '/azure-devops/_apis/build/builds/7'],
    ['PUT', '/github/repos/my%20shop/rates/pulls/7/merge'],
    ['GET', '/github/repos/other/rates/issues/7'],
    ['GET', '/github/repos/my shop/rates/actions/secrets'],
    ['POST', '/status-page'],
    ['GET', '/status-page/admin'],
    ['GET', '/status-page/'],
    ['GET', '/status-page?url=http://169.254.169.254/'],
    ['GET', '/dozzle/'],
    ['POST', '/dozzle/api/hosts/a/containers/0123456789ab/actions/stop'],
    ['GET', '/dozzle/api/hosts/a/containers/0123456789ab/exec'],
    ['GET', '/dozzle/api/hosts/a/containers/0123456789ab/attach'],
    ['GET', '/dozzle/api/hosts/a/containers/0123456789ab/logs?everything=1'],
    ['GET', '/dozzle/api/hosts/a/containers/../logs'],
    ['GET', '/dozzle/api/containers/a:b/download'],
    ['GET', '/dozzle/api/setup'],
  ])('refuse %s %s', (method, target) => expect(decide(method, target).kind).toBe('refused'));

  it('stay shut where a run does not have them', () =>
    expect(
      decideRoute('GET', '/azure-devops/my%20shop/_apis/build/builds/7', { ...grant, routes: ['git'] }),
    ).toMatchObject({ kind: 'refused', status: 403 }));
});

it('knows its routes by name', () => {
  expect(unknownRoutes([...ROUTE_NAMES, 'tunnel:api.example.com'])).toEqual([]);
  const wrong = [
    'telnet',
    'tunnel:',
    'tunnel:10.0.0.1',
    'tunnel:localhost',
    'tunnel:a.example:22',
    'tunnel:*.example.com',
  ];
  expect(unknownRoutes(wrong)).toEqual(wrong);
});
