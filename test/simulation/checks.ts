import type { Row } from './database.ts';
import type { ObjectState } from './objects.ts';
import { withoutRemark } from './telegram.ts';
import type { World } from './world.ts';

interface JournalLine {
  seq: number;
  at: number;
  type: string;
  v: number;
  data: string;
  prev: string;
  hash: string;
}

/** The pool's limit, as the object has it. */
const HEAVY_SLOTS = 15;
const TURNS_PER_GROUP = 4;
const ENDED = [
  'idle',
  ...['resolved', 'explained', 'escalated', 'aborted'],
  // Of requests that a person decides.
  ...['approved', 'denied', 'expired', 'failed'],
];

/** After each call: what must hold at every moment of the object that was called. */
export function checkNow(world: World, binding: string, name: string): void {
  const state = world.objects.find(binding, name);
  if (state === null) return;
  if (binding === 'RUN_POOL') checkPool(world, state);
  if (binding === 'GROUP_QUEUE') checkTurns(world, state);
}

function checkPool(world: World, pool: ObjectState): void {
  const held = pool.rows(`SELECT * FROM leases WHERE state = 'held'`);
  if (held.filter(({ kind }) => kind === 'heavy').length > HEAVY_SLOTS)
    world.violate('more heavy runs than there are slots');
  if (world.budgetUsd === null) return;
  const left = (lease: Row): number =>
    Math.max(0, Number(lease.budget_micro_usd) - Number(lease.spent_micro_usd));
  const reserved = held.reduce((sum, lease) => sum + left(lease), 0);
  const spent = spentInAll(pool);
  // A run may spend more than was reserved for it; a reservation never goes beyond the cap.
  const newest = held.at(-1);
  const isFresh = Number(newest?.granted_at ?? 0) === world.clock.now + pool.skewMs;
  if (isFresh && spent + reserved > world.budgetUsd * 1_000_000) world.violate('a lease beyond the budget');
}

function checkTurns(world: World, queue: ObjectState): void {
  const active = queue.rows(`SELECT thread FROM messages WHERE state = 'active'`);
  if (active.length > TURNS_PER_GROUP) world.violate(`${queue.title}: ${active.length} turns at once`);
  const threads = new Set(active.map(({ thread }) => thread));
  if (threads.size < active.length) world.violate(`${queue.title}: two turns of one thread at once`);
}

/** When nothing is left to happen: everything has ended, nothing is kept busy, and all records agree. */
export async function checkAtRest(world: World): Promise<void> {
  const { objects } = world;
  for (const state of objects.states.values()) {
    checkNothingWaits(world, state);
    checkChain(world, state);
  }
  for (const inbox of objects.of('INBOX')) checkInbox(world, inbox);
  for (const incident of objects.of('INCIDENT')) await checkIncident(world, incident);
  for (const queue of objects.of('GROUP_QUEUE')) checkQueue(world, queue);
  world.talk.check();
  world.errands.check();
  for (const run of objects.of('RUN')) checkRun(world, run);
  for (const pool of objects.of('RUN_POOL')) checkPoolAtRest(world, pool);
  for (const bot of objects.of('TELEGRAM')) checkMessages(world, bot);
  checkOutside(world);
  checkProjections(world);
}

export const hasTable = (state: ObjectState, table: string): boolean =>
  state.rows(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?`, table).length > 0;

function checkNothingWaits(world: World, state: ObjectState): void {
  if (hasTable(state, 'outbox'))
    for (const item of state.rows(`SELECT key, kind, tries, error FROM outbox WHERE state = 'pending'`))
      world.violate(`${state.title}: ${item.key} (${item.kind}) waits for ever, ${item.error}`);
  if (hasTable(state, 'projection'))
    for (const row of state.rows('SELECT count(*) AS n, min(error) AS error FROM projection'))
      if (Number(row.n) > 0) world.violate(`${state.title}: ${row.n} rows never reach D1: ${row.error}`);
}

function journalOf(state: ObjectState): JournalLine[] {
  if (!hasTable(state, 'journal')) return [];
  return state.rows('SELECT * FROM journal ORDER BY seq') as unknown as JournalLine[];
}

function checkChain(world: World, state: ObjectState): void {
  const lines = journalOf(state);
  lines.forEach((line, index) => {
    const before = lines[index - 1];
    if (line.seq !== index + 1 || (before !== undefined && line.prev !== before.hash))
      world.violate(`${state.title}: the chain is broken at ${line.seq}`);
  });
}

/** One that died before it had its tables has accepted nothing, and whoever sent something was told so. */
const eventsOf = (inbox: ObjectState): Row[] =>
  hasTable(inbox, 'events') ? inbox.rows('SELECT id, type, status FROM events') : [];

function checkInbox(world: World, inbox: ObjectState): void {
  for (const event of eventsOf(inbox))
    if (event.status === 'accepted')
      world.violate(`${inbox.title}: ${event.id} (${event.type}) was accepted and never ended`);
}

interface Told {
  class: string;
  message: string;
  group?: string;
  to?: string;
}

async function checkIncident(world: World, incident: ObjectState): Promise<void> {
  const lines = journalOf(incident);
  if (lines.length === 0) return;
  const living = (await world.performed(incident, 'view')) as { status: string } | null;
  const status = living?.status ?? '?';
  if (!ENDED.includes(status)) world.violate(`${incident.title} is ${status} and nothing more happens`);
  for (const moment of ['in memory', 'from disk']) {
    const replayed = (await world.performed(incident, 'replay')) as { identical: boolean };
    if (!replayed.identical) world.violate(`${incident.title}: replay differs from the state ${moment}`);
    incident.kill('to be read anew');
  }
  checkStory(world, incident, lines);
}

/** What the operator heard of each episode, and that one run at a time was active. */
function checkStory(world: World, incident: ObjectState, lines: JournalLine[]): void {
  let told: Told[] = [];
  let active: string | null = null;
  let ended = true;
  let endReason = '';
  const episodeIsOver = (): void => checkTold(world, incident, told, ended ? endReason : null);
  const deeds = new Map<string, string>();
  const received = new Set<unknown>();
  const inOrder: { key: string; message: string; where: string }[] = [];
  const retried = new Set<unknown>();
  for (const { type, data, seq } of lines) {
    const fact = JSON.parse(data) as Record<string, unknown> & { kind?: string; data?: Told };
    if (type === 'received') {
      if (received.has(fact.id)) world.violate(`${incident.title}: ${fact.id} is applied twice`);
      received.add(fact.id);
    }
    if (type === 'effect_retried') retried.add(fact.key);
    if (type === 'episode_started') {
      episodeIsOver();
      told = [];
      ended = false;
    }
    if (type === 'run_requested') {
      if (active !== null) world.violate(`${incident.title}: ${fact.run} begins while ${active} is active`);
      active = String(fact.run);
    }
    if (type === 'run_ended' && fact.run === active) active = null;
    if (type === 'episode_ended') {
      if (ended) world.violate(`${incident.title}: an episode ends twice at ${seq}`);
      if (active !== null) world.violate(`${incident.title}: it ends while ${active} is active`);
      ended = true;
      endReason = String(fact.reason);
    }
    if (type !== 'effect_requested') continue;
    if (fact.kind === 'notify_operator' && fact.data) told.push(fact.data);
    const { data: talk, kind = '', key } = fact;
    if (talk && ['notify_operator', 'post_message', 'relay'].includes(kind))
      inOrder.push({ key: String(key), message: talk.message, where: talk.group ?? talk.to ?? 'operator' });
    const once = [
      'start_run',
      'open_pull_request',
      'complete_pull_request',
      'perform_intent',
      'perform_admin_action',
      'answer_dispatch',
      'notify_operator',
    ];
    if (!once.includes(fact.kind ?? '')) continue;
    const { key: _, ...deed } = fact;
    const name = JSON.stringify(deed);
    const first = deeds.get(name);
    if (first !== undefined)
      world.violate(`${incident.title}: ${fact.kind} is asked for twice, at ${first} and ${seq}`);
    deeds.set(name, String(seq));
  }
  episodeIsOver();
  checkTalk(
    world,
    incident,
    inOrder.filter(({ key }) => !retried.has(key)),
  );
}

/** What a person reads in one place comes in the order in which it was decided. */
function checkTalk(world: World, incident: ObjectState, talk: { message: string; where: string }[]): void {
  for (const where of new Set(talk.map((one) => one.where))) {
    const place =
      where === 'operator' ? world.objects.find('TELEGRAM', 'bot') : world.objects.find('GROUP_QUEUE', where);
    const query =
      where === 'operator'
        ? 'SELECT n FROM posts WHERE key = ? AND part = 0'
        : 'SELECT n FROM messages WHERE id = ?';
    const numbers = talk
      .filter((one) => one.where === where)
      .flatMap(({ message }) => place?.rows(query, message) ?? [])
      .map(({ n }) => Number(n));
    if (numbers.some((n, index) => n < (numbers[index - 1] ?? 0)))
      world.violate(`${incident.title}: what it tells ${where} comes out of order`);
  }
}

const ENDINGS = ['resolved', 'explained', 'escalated'];
/** Ended by a person's own hand, who is not told. */
const BY_HAND = ['denied', 'pull_request_abandoned'];

function checkTold(world: World, incident: ObjectState, told: Told[], endReason: string | null): void {
  if (told.length === 0 && endReason === null) return;
  const classes = told.map((one) => one.class);
  const messages = new Set(told.map(({ message }) => message));
  const story = classes.join(', ');
  const ending = classes.filter((one) => ENDINGS.includes(one));
  const isOdd =
    messages.size < told.length ||
    classes.lastIndexOf('detected') > 0 ||
    (ending.length > 0 && !ENDINGS.includes(classes.at(-1) ?? '')) ||
    ending.length > 1 ||
    (endReason !== null && ending.length === 0 && !BY_HAND.includes(endReason) && endReason !== '') ||
    (classes.some((one) => one === 'pr_ready' || one === 'fix_pushed') && classes[0] !== 'detected');
  if (isOdd)
    world.violate(`${incident.title}: the operator hears "${story}" of an episode ended by ${endReason}`);
}

function checkQueue(world: World, queue: ObjectState): void {
  for (const message of queue.rows(
    `SELECT id, state, incident FROM messages WHERE state IN ('waiting', 'active')`,
  ))
    world.violate(`${queue.title}: ${message.id} of ${message.incident} is ${message.state} for ever`);
}

function checkRun(world: World, run: ObjectState): void {
  const record = recordOf(run);
  if (record === null) return;
  if (record.status !== 'ended') world.violate(`${run.title} is ${record.status} and nothing more happens`);
  const counted = run.rows('SELECT request_id, micro_usd FROM usage');
  const sum = counted.reduce((total, row) => total + Number(row.micro_usd), 0);
  if (sum !== record.costMicroUsd) world.violate(`${run.title}: cost ${record.costMicroUsd}, counted ${sum}`);
  const served = [...world.servedCalls].filter(([, of]) => of === run.name);
  const known = new Set(counted.map(({ request_id }) => request_id));
  for (const [request] of served)
    if (!known.has(request)) world.violate(`${run.title}: the model call ${request} was never counted`);
  const living = world.runners.flatMap((runner) => runner.living.filter((one) => one.run === run.name));
  if (living.length > 0) world.violate(`${run.title} has ended and its session lives on`);
}

interface RunRecord {
  status: string;
  costMicroUsd: number;
  fence: number;
}

function recordOf(run: ObjectState): RunRecord | null {
  const row = run.rows('SELECT record FROM run')[0];
  return row === undefined ? null : (JSON.parse(String(row.record)) as RunRecord);
}

function checkPoolAtRest(world: World, pool: ObjectState): void {
  for (const lease of pool.rows(`SELECT run, state FROM leases WHERE state <> 'released'`))
    world.violate(`${pool.title}: the lease of ${lease.run} is ${lease.state}, not given back`);
  for (const waiting of pool.rows('SELECT run FROM waiting'))
    world.violate(`${pool.title}: ${waiting.run} waits for ever`);
  const spent = spentInAll(pool);
  const cost = world.objects.of('RUN').reduce((sum, run) => sum + (recordOf(run)?.costMicroUsd ?? 0), 0);
  if (spent !== cost) world.violate(`${pool.title}: ${spent} booked, the runs cost ${cost}`);
}

/** Of the months, which count all groups together. */
const spentInAll = (pool: ObjectState): number =>
  Number(
    pool.rows(`SELECT sum(micro_usd) AS n FROM spending WHERE length(period) = 7 AND agent_group = ''`)[0]
      ?.n ?? 0,
  );

/** Each message arrived; again only where an earlier try was not heard of; in order per chat. */
function checkMessages(world: World, bot: ObjectState): void {
  const posts = bot.rows(`SELECT * FROM posts ORDER BY n`);
  for (const post of posts)
    if (post.state !== 'sent' && post.state !== 'dead')
      world.violate(`${bot.title}: ${post.key} is ${post.state} for ever`);
  const arrived = new Map<string, number>();
  const unmarked = new Map<string, number>();
  for (const { chat, text } of world.telegram.sent) {
    const name = `${chat} ${withoutRemark(text)}`;
    arrived.set(name, (arrived.get(name) ?? 0) + 1);
    if (text === withoutRemark(text)) unmarked.set(name, (unmarked.get(name) ?? 0) + 1);
  }
  const expected = new Map<string, { sent: number; all: number }>();
  for (const post of posts.filter(({ kind }) => kind === 'send')) {
    const name = `${post.chat} ${originalText(world, post)}`;
    const known = expected.get(name) ?? { sent: 0, all: 0 };
    expected.set(name, { sent: known.sent + (post.state === 'sent' ? 1 : 0), all: known.all + 1 });
  }
  for (const [name, { sent, all }] of expected) {
    const times = arrived.get(name) ?? 0;
    const unheard = world.telegram.unheardOf.get(name) ?? 0;
    if ((unmarked.get(name) ?? 0) > all + (world.telegram.doubled.get(name) ?? 0))
      world.violate(`a message came again without saying so: ${name.slice(0, 120)}`);
    if (times < sent) world.violate(`a message that was sent is not there: ${name.slice(0, 120)}`);
    if (times > all + unheard)
      world.violate(`a message came ${times} times, unheard of ${unheard}: ${name.slice(0, 120)}`);
  }
  checkOrder(world, bot, posts);
  checkOnce(world, posts);
}

/** What the operator is told of a loop is one message, however often it is handed on. */
function checkOnce(world: World, posts: Row[]): void {
  const decided = new Map<string, number>();
  for (const incident of world.objects.of('INCIDENT'))
    for (const { type, data } of journalOf(incident)) {
      const effect = JSON.parse(data) as { kind?: string; data?: { text?: string } };
      const { text } = effect.data ?? {};
      if (type === 'effect_requested' && effect.kind === 'notify_operator' && text !== undefined)
        decided.set(text, (decided.get(text) ?? 0) + 1);
    }
  for (const [text, times] of decided) {
    const kept = posts.filter((post) => post.kind === 'send' && originalText(world, post) === text).length;
    if (kept > times)
      world.violate(`one message to the operator is kept ${kept} times: ${text.slice(0, 90)}`);
  }
}

/** What was sent: an edit changes what the post holds, not what arrived first. */
function originalText(world: World, { message_id: id, html }: Row): string {
  const arrived = world.telegram.sent.find((one) => one.id === id);
  return withoutRemark(arrived?.text ?? String(html));
}

/** A post is sent for good before the next one of its chat is tried; replayed ones come when they come. */
function checkOrder(world: World, bot: ObjectState, posts: Row[]): void {
  const replayed = journalOf(bot)
    .filter(({ type }) => type === 'telegram_replayed')
    .map(({ data }) => (JSON.parse(data) as { key: string }).key);
  const last = new Map<string, number>();
  for (const { chat, key, kind, state, message_id: id } of posts) {
    if (kind !== 'send' || state !== 'sent' || replayed.includes(String(key))) continue;
    if (Number(id) < (last.get(String(chat)) ?? 0)) world.violate(`chat ${chat}: ${key} came out of order`);
    last.set(String(chat), Number(id));
  }
}

function checkOutside(world: World): void {
  const { azure } = world;
  const sources = new Map<string, number>();
  for (const request of azure.pullRequests) {
    if (request.by !== 'dogwatch') continue;
    const name = `${request.repository} ${request.source}`;
    sources.set(name, (sources.get(name) ?? 0) + 1);
    if (request.endings > 1) world.violate(`pull request ${request.id} ended ${request.endings} times`);
    const marked = new Set(request.comments);
    if (marked.size < request.comments.length && !world.azure.actedTwice)
      world.violate(`pull request ${request.id} has a comment twice`);
  }
  for (const [source, times] of sources) if (times > 1) world.violate(`${times} pull requests of ${source}`);
  const pushed = new Map<string, number>();
  for (const { repository, ref, commit, by } of azure.pushes) {
    if (by !== 'dogwatch') continue;
    const name = `${repository} ${ref} ${commit}`;
    pushed.set(name, (pushed.get(name) ?? 0) + 1);
    if (ref === 'refs/heads/main') world.violate('a push to the default branch');
  }
  for (const [push, times] of pushed) if (times > 1) world.violate(`${push} was pushed ${times} times`);
}

/** D1 says what the objects say. */
function checkProjections(world: World): void {
  const { d1, objects } = world;
  for (const state of objects.states.values()) {
    const lines = journalOf(state);
    if (lines.length === 0) continue;
    const chain = chainOf(state);
    const rows = d1.rows('SELECT seq, hash FROM audit WHERE chain = ? ORDER BY seq', chain);
    if (rows.length !== lines.length || rows.some((row, index) => row.hash !== lines[index]?.hash))
      world.violate(`D1: ${rows.length} audit rows of ${state.title}, its journal has ${lines.length}`);
  }
  for (const run of objects.of('RUN')) {
    const record = recordOf(run);
    const row = d1.rows('SELECT status, fence, cost_micro_usd FROM runs WHERE id = ?', run.name)[0];
    if (record && (row?.status !== record.status || row.cost_micro_usd !== record.costMicroUsd))
      world.violate(
        `D1: ${run.title} is ${row?.status} ${row?.cost_micro_usd}, not ${record.status} ${record.costMicroUsd}`,
      );
    const costs = d1.rows('SELECT sum(micro_usd) AS n FROM costs WHERE run = ?', run.name)[0];
    if (record && Number(costs?.n ?? 0) !== record.costMicroUsd)
      world.violate(`D1: cost rows of ${run.title} sum up to ${costs?.n}, not ${record.costMicroUsd}`);
  }
  for (const inbox of objects.of('INBOX'))
    for (const event of eventsOf(inbox)) {
      const row = d1.rows('SELECT status FROM deliveries WHERE id = ?', String(event.id))[0];
      if (row?.status !== event.status)
        world.violate(`D1: ${event.id} is ${row?.status}, not ${event.status}`);
    }
  for (const timer of d1.rows('SELECT object, name FROM timers WHERE due_at IS NOT NULL'))
    world.violate(`D1: the timer ${timer.name} of ${timer.object} is left`);
  for (const row of d1.rows(`SELECT id, status FROM incidents`)) {
    if (!ENDED.includes(String(row.status))) world.violate(`D1: ${row.id} is ${row.status}`);
  }
  for (const row of d1.rows(`SELECT id FROM approvals WHERE state = 'waiting'`))
    world.violate(`D1: the approval ${row.id} waits for ever`);
}

function chainOf(state: ObjectState): string {
  if (state.binding === 'RUN_POOL') return 'run-pool';
  if (state.binding === 'RELAY_POLICY') return 'relay-policy';
  if (state.binding === 'SCHEDULER') return 'scheduler';
  return state.binding === 'TELEGRAM' ? 'telegram' : state.name;
}
