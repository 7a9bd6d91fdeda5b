import { describe, expect, it } from 'vitest';
import { describeSamples } from '../../test/samples.ts';
import { parseAzureDevOpsHook } from './parse.ts';

const HASH = 'f'.repeat(64);
const parse = (value: unknown) =>
  parseAzureDevOpsHook(typeof value === 'string' ? value : JSON.stringify(value), () => HASH);
const ID = '4a5d99d6-1c75-4e53-91b9-ee80057d4ce3';
const PROJECT = 'be9b3917-87e6-42a4-a549-2bc06a7a878f';
const containers = { project: { id: PROJECT } };

describe('a service hook', () => {
  it('of a build gives its number and project, in both versions', () => {
    const v1 = {
      id: ID,
      eventType: 'build.complete',
      resource: { id: 2, status: 'failed' },
      resourceContainers: containers,
    };
    expect(parse(v1)).toEqual({
      ok: true,
      type: 'build.complete',
      delivery: ID,
      event: { kind: 'build', project: { name: null, id: PROJECT }, build: 2 },
    });
    const v2 = { ...v1, resource: { id: 3, result: 'failed', project: { id: PROJECT, name: 'shop' } } };
    expect(parse(v2)).toMatchObject({ event: { build: 3, project: { name: 'shop' } } });
  });

  it('of a run, stage or job gives the number of the run', () => {
    for (const kind of ['run', 'stage', 'job'])
      expect(
        parse({
          id: ID,
          eventType: `ms.vss-pipelines.${kind}-state-changed-event`,
          resource: { run: { id: 11 } },
          resourceContainers: containers,
        }),
      ).toMatchObject({ ok: true, event: { kind: 'build', build: 11 } });
  });

  it('is read without regard to case', () => {
    expect(parse({ id: ID, eventType: 'Build.Complete', resource: { id: 2 } })).toMatchObject({
      ok: true,
      type: 'build.complete',
    });
  });

  it('of a comment finds the pull request among the links where the payload has none', () => {
    const href =
      'https://x.test/_apis/git/repositories/4bc14d40-c903-45e2-872e-0462c7748079/pullRequests/17/threads/5';
    const hook = {
      id: ID,
      eventType: 'ms.vss-code.git-pullrequest-comment-event',
      resource: { content: 'looks good', _links: { threads: { href } } },
      resourceContainers: containers,
    };
    expect(parse(hook)).toMatchObject({
      ok: true,
      event: { kind: 'pull_request', pullRequest: 17, repository: '4bc14d40-c903-45e2-872e-0462c7748079' },
    });
    expect(parse({ ...hook, resource: { content: 'no links' } })).toMatchObject({
      ok: false,
      code: 'malformed',
    });
  });

  it('without an id of its own is known by subscription and number, or by its content', () => {
    const zeros = '00000000-0000-0000-0000-000000000000';
    const hook = {
      id: zeros,
      eventType: 'build.complete',
      resource: { id: 2 },
      subscriptionId: ID,
      notificationId: 5,
    };
    expect(parse(hook)).toMatchObject({ delivery: `${ID}:5` });
    expect(parse({ ...hook, subscriptionId: zeros })).toMatchObject({ delivery: `body:${HASH}` });
    expect(parse({ ...hook, notificationId: null })).toMatchObject({ delivery: `body:${HASH}` });
  });

  it('that is no JSON, no hook, unknown or without its number is refused with the reason', () => {
    expect(parse('{')).toMatchObject({ ok: false, code: 'malformed' });
    expect(parse([])).toMatchObject({ ok: false, code: 'malformed' });
    expect(parse({ id: ID, eventType: 'workitem.commented', resource: {} })).toMatchObject({
      ok: false,
      code: 'unknown_event',
      type: 'workitem.commented',
    });
    for (const resource of [null, {}, { id: 'x' }, { id: -1 }, { id: 1.5 }])
      expect(parse({ id: ID, eventType: 'build.complete', resource })).toMatchObject({ code: 'malformed' });
  });

  it('may begin with a byte-order mark', () => {
    expect(
      parse(`\ufeff${JSON.stringify({ id: ID, eventType: 'build.complete', resource: { id: 2 } })}`).ok,
    ).toBe(true);
  });
});

const samples = import.meta.glob('samples/azure-devops-hooks/**/*.json', {
  query: '?raw',
  import: 'default',
  eager: true,
});

describeSamples('a published sample is understood, save what nobody asked for', samples, (path, text) => {
  const parsed = parseAzureDevOpsHook(text, () => HASH);
  expect(parsed.ok).toBe(!path.includes('workitem'));
});
