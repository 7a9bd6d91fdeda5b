import { Hono } from 'hono';
import { z } from 'zod';
import { idSchema, newId } from '../../core/contracts/ids.ts';
import { ENDED_STATUSES } from '../../core/loops/index.ts';
import type { IncidentView } from '../../durable-objects/incident/incident-rpc.ts';
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
  const view = await known(context.env, id);
  const { items: artifacts } = await listArtifacts(context.env.DB, {
    incident: id,
    run: null,
    limit: MAX_ARTIFACTS,
    cursor: null,
  });
  return context.json({ ...view, evidence: evidenceOf(view.state), artifacts });
});

incidentsApi.post('/:id/replay', async (context) => {
  const id = idOf(context.req.param('id'));
  await known(context.env, id);
  return context.json(await incidentStub(context.env, id).replay());
});

incidentsApi.post('/:id/redecide', async (context) => {
  const redecision = await incidentStub(context.env, idOf(context.req.param('id'))).redecide();
  if (redecision === null) throw new Refusal('not_found', 'no such incident');
  return context.json(redecision);
});

/** Ends it by the operator's hand: its run, its turn, its pull request. What has ended, or is being performed, is a conflict. */
incidentsApi.post('/:id/abort', async (context) => {
  const { env } = context;
  const id = idOf(context.req.param('id'));
  const before = await known(env, id);
  if (ENDED_STATUSES.includes(before.status)) throw new Refusal('conflict', `it is ${before.status} already`);
  await auditOperator(env, 'incident_abort', { incident: id });
  const subjects = new SubjectCollector();
  const by = await subjects.ref(OPERATOR);
  if (by === null) throw new Error('the operator has no name');
  const nowMs = Date.now();
  await incidentStub(env, id).receive({
    id: newId('evt', nowMs, crypto.getRandomValues(new Uint8Array(10))),
    key: null,
    at: nowMs,
    event: { type: 'aborted', data: { by, reason: 'ended by the operator' } },
    subjects: subjects.texts,
  });
  const { status } = await known(env, id);
  if (status !== 'aborted') throw new Refusal('conflict', `it is ${status}, and cannot be aborted now`);
  return context.json({ incident: id, status }, 202);
});

async function known(env: Env, id: string): Promise<IncidentView> {
  const view = await incidentStub(env, id).view();
  if (view === null) throw new Refusal('not_found', 'no such incident');
  return view;
}

function evidenceOf(state: unknown): unknown {
  const parsedState = z
    .looseObject({ episode: z.looseObject({ evidence: z.unknown() }).nullish() })
    .safeParse(state);
  return parsedState.success ? (parsedState.data.episode?.evidence ?? null) : null;
}
