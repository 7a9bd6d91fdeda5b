import { Hono } from 'hono';
import { operatorApi } from './api/operator-api.ts';
import { scheduleFireApi } from './api/schedule-fire.ts';
import type { Env } from './env.ts';
import { health } from './health.ts';
import { azureDevOpsHook } from './intake/azure-devops/hook.ts';
import { drainBody } from './intake/body.ts';
import { githubHook } from './intake/github/hook.ts';
import { runnerDoors } from './intake/runner/doors.ts';
import { telegramHook } from './intake/telegram/hook.ts';
import { notFound, onError } from './problems.ts';
import { tick } from './scheduled.ts';

export { GroupQueue } from '../durable-objects/group-queue/group-queue.ts';
export { Inbox } from '../durable-objects/inbox/inbox.ts';
export { Incident } from '../durable-objects/incident/incident.ts';
export { RelayPolicy } from '../durable-objects/relay-policy/relay-policy.ts';
export { Run } from '../durable-objects/run/run.ts';
export { RunPool } from '../durable-objects/run-pool/run-pool.ts';
export { Scheduler } from '../durable-objects/scheduler/scheduler.ts';
export { Telegram } from '../durable-objects/telegram/telegram.ts';

const app = new Hono<{ Bindings: Env }>();
app.use(async (context, next) => {
  await next();
  await drainBody(context.req.raw);
});
app.route('/hooks/azure-devops', azureDevOpsHook);
app.route('/hooks/github', githubHook);
app.route('/hooks/telegram', telegramHook);
app.route('/api', scheduleFireApi);
app.route('/api', operatorApi);
app.route('/health', health);
app.route('/', runnerDoors);
app.notFound(notFound);
app.onError(onError);

export default {
  fetch: app.fetch,
  scheduled: (controller, env) => tick(env, controller.scheduledTime),
} satisfies ExportedHandler<Env>;
