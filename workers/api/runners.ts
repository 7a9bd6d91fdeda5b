import { Hono } from 'hono';
import { runPoolStub } from '../../durable-objects/stubs.ts';
import { configuredRunners, type Env } from '../env.ts';
import { Refusal } from '../problems.ts';
import { OPERATOR } from './audit-operator.ts';

/** Runners, and who of them takes nothing new. The pool audits each change on its own chain. */
export const runnersApi = new Hono<{ Bindings: Env }>();

runnersApi.get('/', async (context) => {
  const { runners, unseenRunners } = await runPoolStub(context.env).status();
  const unseen = unseenRunners.map(({ name, drained }) => ({
    name,
    lastSeenAt: null,
    capacity: null,
    running: 0,
    problems: ['it has not reported yet'],
    drained,
  }));
  return context.json({ items: [...runners, ...unseen], cursor: null });
});

/** `all` stands for every runner that is configured now. */
runnersApi.post('/:name/:word{drain|undrain}', async (context) => {
  const { name, word } = context.req.param();
  const known = configuredRunners(context.env);
  const names = name === 'all' ? known : known.filter((one) => one === name);
  if (names.length === 0)
    throw new Refusal('not_found', `no such runner; RUNNER_URLS names ${known.join(', ') || 'none'}`);
  await runPoolStub(context.env).drain(names, word === 'drain', OPERATOR);
  return context.json({ runners: names, drained: word === 'drain' });
});
