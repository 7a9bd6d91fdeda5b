import { Hono } from 'hono';
import { sha256Schema } from '../../core/contracts/artifact.ts';
import { idSchema } from '../../core/contracts/ids.ts';
import { runStub } from '../../durable-objects/stubs.ts';
import { getArtifact } from '../artifacts.ts';
import {
  findApproval,
  listApprovals,
  listArtifacts,
  listCosts,
  listDeliveries,
  listRuns,
} from '../db/queries.ts';
import type { Env } from '../env.ts';
import { Refusal } from '../problems.ts';
import { acceptEvent } from '../routing/accept.ts';
import { auditApi } from './audit.ts';
import { OPERATOR } from './audit-operator.ts';
import { backupApi } from './backup.ts';
import { budgetApi } from './budget.ts';
import { deadLettersApi } from './dead-letters.ts';
import { dryRun, dryRunSchema } from './dry-run.ts';
import { groupMessagesApi } from './group-messages.ts';
import { incidentsApi } from './incidents.ts';
import { jsonBody } from './json-body.ts';
import { pageOf } from './page.ts';
import { pathPart } from './path-part.ts';
import { relayRoutesApi } from './relay-routes.ts';
import { requireOperator } from './require-operator.ts';
import { rerunApi } from './reruns.ts';
import { runnersApi } from './runners.ts';
import { schedulesApi } from './schedules.ts';
import { showTimes } from './show-times.ts';
import { statusOf } from './status.ts';
import { stopApi } from './stop.ts';
import { subjectsApi } from './subjects.ts';
import { tasksApi } from './tasks.ts';

export const operatorApi = new Hono<{ Bindings: Env }>();
operatorApi.use('*', showTimes, requireOperator);
operatorApi.route('/', rerunApi);
operatorApi.route('/', tasksApi);
operatorApi.route('/', backupApi);

operatorApi.get('/status', async (context) => context.json(await statusOf(context.env, Date.now())));

operatorApi.route('/incidents', incidentsApi);

operatorApi.get('/artifacts', async (context) => {
  const { incident, run, ...page } = context.req.query();
  const filter = { incident: incident ?? null, run: run ?? null };
  return context.json(await listArtifacts(context.env.DB, { ...pageOf(page), ...filter }));
});

/** The bytes of an artifact: a log, a diff, a transcript. Never rendered by a browser: strangers wrote them. */
operatorApi.get('/artifacts/:sha256', async (context) => {
  const sha256 = pathPart(sha256Schema, context.req.param('sha256'), 'artifact');
  const artifact = await getArtifact(context.env.ARTIFACTS, sha256);
  if (artifact === null) throw new Refusal('not_found');
  return new Response(artifact.body, {
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      'content-length': String(artifact.size),
      'content-disposition': `attachment; filename="${sha256.slice(0, 12)}"`,
      'x-content-type-options': 'nosniff',
    },
  });
});

operatorApi.route('/groups', groupMessagesApi);

operatorApi.get('/runs', async (context) => {
  const { incident, ...page } = context.req.query();
  return context.json(await listRuns(context.env.DB, { ...pageOf(page), incident: incident ?? null }));
});
/** One run whole: what it was asked, its tool ledger, its intents, how it ended. */
operatorApi.get('/runs/:id', async (context) => {
  const id = pathPart(idSchema('run'), context.req.param('id'), 'run');
  const view = await runStub(context.env, id).view();
  if (view === null) throw new Refusal('not_found');
  return context.json(view);
});
operatorApi.get('/deliveries', async (context) =>
  context.json(await listDeliveries(context.env.DB, pageOf(context.req.query()))),
);
operatorApi.route('/audit', auditApi);
operatorApi.route('/subjects', subjectsApi);
operatorApi.get('/costs', async (context) => {
  const { incident, run, ...page } = context.req.query();
  const filter = { incident: incident ?? null, run: run ?? null };
  return context.json(await listCosts(context.env.DB, { ...pageOf(page), ...filter }));
});
operatorApi.route('/schedules', schedulesApi);

operatorApi.route('/dead-letters', deadLettersApi);

operatorApi.get('/approvals', async (context) => {
  const { state, ...page } = context.req.query();
  return context.json(await listApprovals(context.env.DB, { ...pageOf(page), state: state ?? null }));
});
operatorApi.post('/approvals/:id/:verdict{approve|deny}', async (context) => {
  const id = pathPart(idSchema('apr'), context.req.param('id'), 'approval');
  const verdict = context.req.param('verdict') === 'approve' ? 'approved' : 'denied';
  const approval = await findApproval(context.env.DB, id);
  if (approval === null) throw new Refusal('not_found');
  if (approval.state !== 'waiting') throw new Refusal('conflict', `it is ${approval.state}`);
  const accepted = await acceptEvent(context.env, {
    source: 'api',
    delivery: `${id}:${verdict}`,
    type: 'decision',
    receivedAt: Date.now(),
    payload: {
      kind: 'decision',
      incident: approval.incident,
      attempt: approval.attempt,
      verdict,
      by: OPERATOR,
      via: 'api',
      callback: null,
    },
    refusedBecause: null,
    body: null,
  });
  return context.json(accepted, 202);
});

operatorApi.post('/dry-run', async (context) => {
  const request = await jsonBody(context.req.raw, dryRunSchema);
  return context.json(await dryRun(context.env, request, Date.now()));
});

operatorApi.route('/', stopApi);
operatorApi.route('/runners', runnersApi);
operatorApi.route('/budget', budgetApi);
operatorApi.route('/relay-routes', relayRoutesApi);
