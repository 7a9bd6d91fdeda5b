import { Hono } from 'hono';
import { z } from 'zod';
import { idSchema, newId } from '../../core/contracts/ids.ts';
import { ENDED_STATUSES } from '../../core/loops/index.ts';
import { incidentStub } from '../../durable-objects/stubs.ts';
import { listArtifacts, listIncidents } from '../db/queries.ts';
import type { Env } from '../env.ts';
import { Refusal } from '../problems.ts';
import { SubjectCollector } from '../subjects.ts';
import { auditOperator, OPERATOR } from './audit-operator.ts';
import { pageOf } from './page.ts';
import { pathPart } from './path-part.ts';

/** Newest ones shown with an incident; the list has all. */
const MAX_ARTIFACTS = 100;

const idOf = (part: string): string => pathPart(idSchema('inc'), part, 'incident');

/** What is going on, how it came about, and whether it still should. */
export const incidentsApi = new Hono<{ Bindings: Env }>();

incidentsApi.get('/', async (context) => {
  const { state, ...page } = context.req.query();
  return context.json(await listIncidents(context.env.DB, { ...pageOf(page), state: state ?? null }));
});

incidentsApi.get('/:id', async (context) => {
  const id = idOf(context.req.param('id'));
  const view = known(await incidentStub(context.env, id).view());
  const { items: artifacts } = await listArtifacts(context.env.DB, {
    incident: id,
    run: null,
    limit: MAX_ARTIFACTS,
    cursor: null,
  });
  return context.json({ ...view, evidence: evidenceOf(view.state), artifacts });
});

incidentsApi.post('/:id/replay', async (context) => {
  const stub = incidentStub(context.env, idOf(context.req.param('id')));
  known(await stub.status());
  return context.json(await stub.replay());
});

incidentsApi.post('/:id/redecide', async (context) =>
  context.json(known(await incidentStub(context.env, idOf(context.req.param('id'))).redecide())),
);

/** Ends it by the operator's hand: its run, its turn, its pull request. What has ended, or is being performed, is a conflict. */
incidentsApi.post('/:id/abort', async (context) => {
  const { env } = context;
  const id = idOf(context.req.param('id'));
  const stub = incidentStub(env, id);
  const before = known(await stub.status());
  if (ENDED_STATUSES.includes(before)) throw new Refusal('conflict', `it is ${before} already`);
  await auditOperator(env, 'incident_abort', { incident: id });
  const subjects = new SubjectCollector();
  const by = await subjects.person(OPERATOR);
  const nowMs = Date.now();
  await stub.receive({
    id: newId('evt', nowMs, crypto.getRandomValues(new Uint8Array(10))),
    key: null,
    at: nowMs,
    event: { type: 'aborted', data: { by, reason: 'ended by the operator' } },
    subjects: subjects.texts,
  });
  const status = await stub.status();
  if (status !== 'aborted') throw new Refusal('conflict', `it is ${status}, and cannot be aborted now`);
  return context.json({ incident: id, status }, 202);
});

function known<T>(found: T | null): T {
  if (found === null) throw new Refusal('not_found', 'no such incident');
  return found;
}

function evidenceOf(state: unknown): unknown {
  const parsedState = z
    .looseObject({ episode: z.looseObject({ evidence: z.unknown() }).nullish() })
    .safeParse(state);
  return parsedState.success ? (parsedState.data.episode?.evidence ?? null) : null;
}
