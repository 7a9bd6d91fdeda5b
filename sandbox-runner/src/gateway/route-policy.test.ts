import { describe, expect, it } from 'vitest';
import { decideRoute, type RouteGrant } from './route-policy.ts';

const grant: RouteGrant = {
  routes: ['anthropic', 'git', 'npm'],
  repository: { project: 'shop', repository: 'parcel rates' },
  tools: ['relay', 'submit_fix'],
};
const kind = (method: string, target: string, over: Partial<RouteGrant> = {}) =>
  decideRoute(method, target, { ...grant, ...over }).kind;

describe('decideRoute', () => {
  it.each([
    ['POST', '/anthropic/v1/messages', 'anthropic'],
    ['POST', '/anthropic/v1/messages?beta=true', 'anthropic'],
    ['POST', '/anthropic/v1/messages/count_tokens', 'anthropic'],
    ['GET', '/git/shop/_git/parcel%20rates/info/refs?service=git-upload-pack', 'git'],
    ['POST', '/git/shop/_git/parcel%20rates/git-upload-pack', 'git'],
    ['GET', '/npm/ms', 'npm'],
    ['GET', '/npm/@types%2fnode', 'npm'],
    ['GET', '/npm/@types/node/-/node-24.0.0.tgz', 'npm'],
    ['HEAD', '/npm/ms/-/ms-2.1.3.tgz', 'npm'],
    ['GET', '/dogwatch/task', 'task'],
    ['POST', '/dogwatch/tools/relay', 'tool'],
    ['POST', '/dogwatch/events', 'events'],
  ])('lets %s %s through', (method, target, expected) => {
    expect(kind(method, target)).toBe(expected);
  });

  it.each([
    ['GET', '/anthropic/v1/messages'],
    ['POST', '/anthropic/v1/messages?beta=false'],
    ['POST', '/anthropic/v1/messages/batches'],
    ['POST', '/anthropic/v1/files'],
    ['GET', '/anthropic/v1/models'],
    ['POST', '/anthropic/v1/messages/../files'],
    ['POST', '/anthropic/v1/%2e%2e/files'],
    ['GET', '/git/shop/_git/other/info/refs?service=git-upload-pack'],
    ['GET', '/git/shop/_git/parcel%20rates/info/refs?service=git-receive-pack'],
    ['GET', '/git/shop/_git/parcel%20rates/info/refs'],
    ['POST', '/git/shop/_git/parcel%20rates/git-receive-pack'],
    ['GET', '/git/shop/_git/parcel%20rates/HEAD'],
    ['GET', '/git/shop/_git/parcel%2frates/info/refs?service=git-upload-pack'],
    ['PUT', '/npm/ms'],
    ['POST', '/npm/-/npm/v1/security/advisories/bulk'],
    ['GET', '/npm/-/whoami'],
    ['GET', '/npm/-/v1/search?text=x'],
    ['GET', '/npm/ms/-/../../secret.tgz'],
    ['POST', '/dogwatch/tools/report'],
    ['GET', '/dogwatch/events'],
    ['GET', '//anthropic/v1/messages'],
    ['GET', 'http://example.com/npm/ms'],
    ['GET', '/'],
    ['GET', '/health'],
  ])('refuses %s %s', (method, target) => {
    expect(kind(method, target)).toBe('refused');
  });

  it('refuses a route that this run was not given, and own doors to a proof', () => {
    expect(kind('POST', '/anthropic/v1/messages', { routes: ['npm'] })).toBe('refused');
    expect(kind('GET', '/dogwatch/task', { tools: null })).toBe('refused');
  });
});
