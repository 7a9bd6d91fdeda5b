import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject, SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import type { IncidentRpc, IncidentView } from '../../durable-objects/rpc.ts';
import { INBOX_SHARDS } from '../../durable-objects/stubs.ts';
import { judgement } from '../../durable-objects/test/specs.ts';
import { incidentIdOf } from '../../workers/routing/event-ids.ts';
import { azureDevOps, buildHook, buildJson, failedInTest } from '../../workers/test/azure-devops.ts';
import { migrateDatabase } from '../../workers/test/database.ts';
import { modelSays } from '../../workers/test/model.ts';
import { Outside } from '../../workers/test/outside.ts';
import { telegramTakesAll } from '../../workers/test/telegram.ts';

/**
 * One failed build goes its whole way: Inbox, Incident, both agents' GroupQueues, RelayPolicy, Run, RunPool,
 * Telegram. It is played once undisturbed, and then once for each time that anything waits for an answer (of a
 * service, of another object, of D1 or R2): there the answer is lost, and every object is torn down. In the end
 * all must be as if nothing had happened.
 */

/** Longest time that one course may take, its pauses cut short. */
const COURSE_MS = 30_000;
const ENDED = ['resolved', 'explained', 'escalated', 'aborted'];
const REPEATED = '(sent again';

let awaits = 0;
let abortAt = 0;
let aborted = false;

/** What was done is done; but where it is this one's turn, nobody hears of it. */
async function heard<T>(work: Promise<T>): Promise<T> {
  const answer = await work;
  awaits += 1;
  if (awaits !== abortAt) return answer;
  // Only noted: whoever tears down the object that runs now would tear down himself.
  aborted = true;
  return new Promise(() => {});
}

type Callable = (...told: unknown[]) => Promise<unknown>;

const getByName = Object.getPrototypeOf(env.INCIDENT).getByName as (
  this: DurableObjectNamespace,
  name: string,
) => DurableObjectStub;
/** As the test itself asks: uncounted. */
const plainStub = (namespace: DurableObjectNamespace, name: string) => getByName.call(namespace, name);

/** From here on whatever product code waits for is counted. */
function countAwaits(): void {
  Object.getPrototypeOf(env.INCIDENT).getByName = function (this: DurableObjectNamespace, name: string) {
    const stub = plainStub(this, name);
    return new Proxy(stub, {
      get: (target, method) => {
        const call = Reflect.get(target, method) as Callable;
        return typeof call === 'function'
          ? (...told: unknown[]) => heard(Reflect.apply(call, target, told) as Promise<unknown>)
          : call;
      },
    });
  };
  const slow: [object, string[]][] = [
    [Object.getPrototypeOf(env.DB), ['batch']],
    [Object.getPrototypeOf(env.ARTIFACTS), ['put', 'get', 'head']],
    [globalThis, ['fetch']],
  ];
  for (const [where, names] of slow)
    for (const name of names) {
      const plain = Reflect.get(where, name) as Callable;
      Reflect.set(where, name, function (this: object, ...told: unknown[]) {
        return heard(plain.apply(this, told));
      });
    }
}

let builds = 900;
const outside = new Outside();
const world = azureDevOps(outside);

beforeAll(async () => {
  await migrateDatabase();
  failedInTest(outside);
  telegramTakesAll(outside);
  outside.on(({ url }) => (url.host === 'anthropic.test' ? modelSays(judgement) : undefined));
  countAwaits();
});

interface Course {
  awaits: number;
  aborted: boolean;
  status: string;
  /** Whatever was recorded; what does not wait for each other comes in any order. */
  facts: string[];
  unfinished: unknown[];
  replay: boolean;
  /** Texts that people got, by chat, without those that say that they are repeated. */
  told: string[];
  repeated: number;
}

async function play(abort: number): Promise<Course> {
  const build = ++builds;
  const ref = `refs/heads/branch-${build}`;
  world.builds.splice(0, world.builds.length, buildJson({ id: build, ref }));
  const incident = await incidentIdOf(`azure-devops/demo/shop/1/${ref}`);
  const hook = buildHook(`77777777-0000-4000-8000-${String(build).padStart(12, '0')}`, build);
  const post = async (): Promise<boolean> => {
    const answer = await SELF.fetch('https://dogwatch.test/hooks/azure-devops', {
      method: 'POST',
      headers: { 'x-webhook-secret': 'hook-new' },
      body: JSON.stringify(hook),
    });
    return answer.status === 202;
  };
  outside.requests.length = 0;
  awaits = 0;
  aborted = false;
  abortAt = abort;
  const deadline = Date.now() + COURSE_MS;
  let isAccepted = false;
  const first = post().then(
    (ok) => {
      isAccepted = ok;
    },
    () => {},
  );
  if (abort === 0) await first;
  let view: IncidentView | null = null;
  let torn = false;
  while (Date.now() < deadline) {
    if (aborted && !torn) {
      torn = true;
      await abortAllDurableObjects();
    }
    // As Azure DevOps does: what was not acknowledged is told again.
    if (torn && !isAccepted) isAccepted = await post().catch(() => false);
    await hurry(incident, view);
    view = (await incidentAsIs(incident)
      .view()
      .catch(() => null)) as IncidentView | null;
    if (view !== null && ENDED.includes(view.status) && (await unfinished(incident, view)).length === 0)
      break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const counted = awaits;
  abortAt = 0;
  const sent = outside
    .asked('POST', /sendMessage/)
    .map(({ body }) => body as { chat_id: unknown; text: string })
    // Many courses in a row are a burst, of which the operator is told; it belongs to none of them.
    .filter(({ text }) => !text.includes('burst of runs'))
    .map(
      ({ chat_id, text }) =>
        `${chat_id} ${text.replaceAll(String(build), 'N').replaceAll(/[a-z]{3}_[0-9A-Z]{26}/g, 'ID')}`,
    );
  return {
    awaits: counted,
    aborted,
    status: view?.status ?? 'none',
    facts: (view?.journal ?? []).map(({ type }) => type).sort(),
    unfinished: view === null ? ['no incident'] : await unfinished(incident, view),
    replay: (await incidentAsIs(incident).replay()).identical,
    told: [...new Set(sent.filter((text) => !text.includes(REPEATED)))].sort(),
    repeated: sent.length - new Set(sent).size + sent.filter((text) => text.includes(REPEATED)).length,
  };
}

const incidentAsIs = (incident: string): IncidentRpc =>
  plainStub(env.INCIDENT, incident) as unknown as IncidentRpc;

const runsOf = (view: IncidentView | null): string[] =>
  (view?.journal ?? [])
    .filter(({ type }) => type === 'run_requested')
    .map(({ data }) => (data as { run: string }).run);

interface Watched {
  stub: DurableObjectStub;
  /** What still waits there. */
  left: string;
}

const OUTBOX = `SELECT key, state, error FROM outbox WHERE state = 'pending'`;

function objectsOf(incident: string, view: IncidentView | null): Watched[] {
  const of = (namespace: DurableObjectNamespace, names: string[], left = OUTBOX): Watched[] =>
    names.map((name) => ({ stub: plainStub(namespace, name), left }));
  const shards = Array.from({ length: INBOX_SHARDS }, (_, shard) => `inbox-${shard}`);
  return [
    ...of(env.INBOX, shards),
    ...of(env.INCIDENT, [incident]),
    ...of(env.RUN, runsOf(view)),
    ...of(
      env.GROUP_QUEUE,
      ['ryan', 'cody'],
      `SELECT key FROM outbox WHERE state = 'pending'
       UNION ALL SELECT id FROM messages WHERE state IN ('waiting', 'active')`,
    ),
    ...of(
      env.RUN_POOL,
      ['pool'],
      `SELECT key FROM outbox WHERE state = 'pending' UNION ALL SELECT run FROM leases WHERE state = 'held'`,
    ),
    ...of(env.TELEGRAM, ['bot'], `SELECT key, state FROM posts WHERE state IN ('pending', 'sending')`),
  ];
}

/** Alarms come at once, and Telegram's limits are not waited for: what is tested is that things go on at all. */
async function hurry(incident: string, view: IncidentView | null): Promise<void> {
  await runInDurableObject(plainStub(env.TELEGRAM, 'bot'), (_, { storage }) => {
    storage.sql.exec('DELETE FROM sends');
  }).catch(() => {});
  for (const { stub } of objectsOf(incident, view)) await runDurableObjectAlarm(stub).catch(() => {});
}

async function unfinished(incident: string, view: IncidentView): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const { stub, left } of objectsOf(incident, view))
    await runInDurableObject(stub, (_, { storage }) => {
      found.push(...storage.sql.exec(left).toArray());
    }).catch((error: unknown) => found.push(String(error)));
  return found;
}

test('torn down wherever something is waited for, a course ends as if it had not been', {
  timeout: 600_000,
}, async () => {
  const calm = await play(0);
  expect(calm).toMatchObject({
    aborted: false,
    status: 'escalated',
    unfinished: [],
    replay: true,
    repeated: 0,
  });
  expect(calm.awaits).toBeGreaterThan(20);
  console.log(`a course waits ${calm.awaits} times`);
  for (let n = 1; n <= calm.awaits; n++) {
    const { awaits: _, aborted, repeated, ...course } = await play(n);
    const { awaits: __, aborted: ___, repeated: ____, ...expected } = calm;
    expect({ n, ...course }).toEqual({ n, ...expected });
    expect(repeated).toBeLessThanOrEqual(aborted ? 1 : 0);
  }
});
