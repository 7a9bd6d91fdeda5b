import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventTypes } from './hook-event.ts';
import type { AzureDevopsTwin } from './index.ts';
import {
  addTinyRepository,
  call,
  type HookReceiver,
  itemsOf,
  startReceiver,
  startTwin,
  tinyFiles,
} from './test-support.ts';

let twin: AzureDevopsTwin;
let receiver: HookReceiver;
beforeEach(async () => {
  receiver = await startReceiver();
  // The first wait of a transient failure is then 1 ms, the first on probation 0.9 s.
  twin = await startTwin({ hookTimeScale: 0.001 });
  await addTinyRepository(twin);
});
afterEach(async () => {
  await twin.close();
  await receiver.close();
});

function push(branch = 'topic'): Promise<string> {
  return twin.commit({ repository: 'tiny', branch, message: 'More', files: { a: String(Math.random()) } });
}

const onlyPushes = [eventTypes.push];

async function statusOf(): Promise<unknown> {
  return itemsOf(await call(twin, '/_apis/hooks/subscriptions'))[0]?.status;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((next) => setTimeout(next, 10));
}

describe('service hooks', () => {
  it('tell of a build in the versions that subscriptions ask for', async () => {
    twin.subscribe({ url: receiver.url, secret: 's3cret', eventTypes: [eventTypes.buildComplete] });
    twin.subscribe({
      url: receiver.url,
      basic: { username: 'hook', password: 'pw' },
      eventTypes: [eventTypes.buildComplete],
      resourceVersion: '1.0',
    });
    twin.subscribe({ url: receiver.url, eventTypes: [eventTypes.runState, eventTypes.stageState] });
    const commit = await push('main');
    await twin.hooksIdle();
    const of = (type: string): typeof receiver.received =>
      receiver.received.filter((one) => one.body.eventType === type);
    const [first, second] = of(eventTypes.buildComplete).toSorted((a, b) =>
      String(b.body.resourceVersion).localeCompare(String(a.body.resourceVersion)),
    );
    expect(first?.headers['x-webhook-secret']).toBe('s3cret');
    expect(first?.body).toMatchObject({
      publisherId: 'tfs',
      resourceVersion: '2.0',
      resource: { status: 'completed', result: 'succeeded', sourceVersion: commit },
      resourceContainers: { account: { baseUrl: `${twin.url}/` } },
    });
    expect(second?.headers.authorization).toBe(`Basic ${Buffer.from('hook:pw').toString('base64')}`);
    expect(second?.body).toMatchObject({
      id: first?.body.id,
      resourceVersion: '1.0',
      resource: { status: 'succeeded', sourceGetVersion: `LG:refs/heads/main:${commit}` },
    });
    const states = of(eventTypes.runState).map(
      (one) => (one.body.resource as { run: { state: string } }).run.state,
    );
    expect(states).toEqual(['inProgress', 'completed']);
    expect(of(eventTypes.stageState)).toHaveLength(2);
  });

  it('tell of pull requests and of pushes', async () => {
    twin.subscribe({ url: receiver.url });
    await twin.commit({
      repository: 'tiny',
      branch: 'topic',
      message: 'More',
      files: { 'sum.mjs': `${tinyFiles['sum.mjs']}// more\n` },
    });
    const base = '/shop/_apis/git/repositories/tiny/pullrequests';
    const body = { sourceRefName: 'refs/heads/topic', targetRefName: 'refs/heads/main', title: 'T' };
    await call(twin, base, { method: 'POST', body });
    await call(twin, `${base}/1/threads`, { method: 'POST', body: { comments: [{ content: 'Hm' }] } });
    await twin.hooksIdle();
    const commitId = await twin.head('tiny', 'topic');
    const completion = { status: 'completed', lastMergeSourceCommit: { commitId } };
    await call(twin, `${base}/1`, { method: 'PATCH', body: completion });
    await twin.hooksIdle();
    const seen = new Set(receiver.received.map((one) => one.body.eventType));
    const expected = Object.values(eventTypes).filter((type) => !type.startsWith('ms.vss-pipelines'));
    expect([...seen].toSorted()).toEqual(expected.toSorted());
  });

  it('repeat a notification, with its id, after a transient failure', async () => {
    twin.subscribe({ url: receiver.url, eventTypes: onlyPushes });
    receiver.answers.push(503, 503);
    await push();
    await twin.hooksIdle();
    expect(new Set(receiver.received.map((one) => one.body.id)).size).toBe(1);
    expect(twin.deliveries().map((one) => one.outcome)).toEqual(['retrying', 'retrying', 'delivered']);
    expect(await statusOf()).toBe('enabled');
  });

  it('put a subscription on probation after a 500: new events are lost, the failed one is repeated', async () => {
    twin.subscribe({ url: receiver.url, eventTypes: onlyPushes });
    receiver.answers.push(500);
    await push();
    await until(() => twin.deliveries().length === 1);
    expect(await statusOf()).toBe('onProbation');
    await push();
    await twin.hooksIdle();
    expect(twin.deliveries().map((one) => one.outcome)).toEqual(['probation', 'lost', 'delivered']);
    expect(receiver.received).toHaveLength(2);
    expect(await statusOf()).toBe('enabled');
  });

  it('disable a subscription at once after a 410', async () => {
    twin.subscribe({ url: receiver.url, eventTypes: onlyPushes });
    receiver.answers.push(410);
    await push();
    await twin.hooksIdle();
    expect(await statusOf()).toBe('disabledBySystem');
    await push();
    expect(receiver.received).toHaveLength(1);
  });

  it('are made and read by REST, secrets masked, and redelivered on demand', async () => {
    const body = {
      publisherId: 'tfs',
      eventType: 'git.push',
      resourceVersion: '1.0',
      consumerId: 'webHooks',
      consumerActionId: 'httpRequest',
      publisherInputs: { branch: 'topic' },
      consumerInputs: { url: receiver.url, httpHeaders: 'x-webhook-secret:s3cret' },
    };
    const made = await call(twin, '/_apis/hooks/subscriptions', { method: 'POST', body });
    expect(made.body).toMatchObject({ status: 'enabled', eventType: 'git.push', consumerId: 'webHooks' });
    expect(made.text).not.toContain('s3cret');
    const count = async (query: string) =>
      itemsOf(await call(twin, `/_apis/hooks/subscriptions?${query}`)).length;
    expect(await count('consumerId=webHooks&eventType=git.push')).toBe(1);
    expect(await count('consumerId=slack')).toBe(0);
    expect(await count('eventType=build.complete')).toBe(0);
    await push('elsewhere');
    await push('topic');
    await twin.hooksIdle();
    expect(receiver.received).toHaveLength(1);
    const again = await fetch(`${twin.origin}/__twin/redeliver`, {
      method: 'POST',
      body: JSON.stringify({ notificationId: 1 }),
    });
    expect(again.status).toBe(200);
    expect(receiver.received[1]?.body).toEqual(receiver.received[0]?.body);
  });
});
