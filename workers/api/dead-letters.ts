import { Hono } from 'hono';
import { findDeadLetter, listDeadLetters } from '../db/queries.ts';
import type { Env } from '../env.ts';
import { Refusal } from '../problems.ts';
import { retryDeadLetter } from '../routing/retry-dead-letter.ts';
import { auditOperator } from './audit-operator.ts';
import { pageOf } from './page.ts';

/** What failed for good: seen, and put back into the outbox it died in. */
export const deadLettersApi = new Hono<{ Bindings: Env }>();

/** `?kind=`, `?incident=`: only those. */
deadLettersApi.get('/', async (context) => {
  const { kind = null, incident = null, ...page } = context.req.query();
  return context.json(await listDeadLetters(context.env.DB, { ...pageOf(page), kind, incident }));
});

deadLettersApi.post('/:id/replay', async (context) => {
  const id = context.req.param('id');
  const letter = await findDeadLetter(context.env.DB, id);
  if (letter === null) throw new Refusal('not_found', 'no such dead letter');
  await auditOperator(context.env, 'dead_letter_replay', { id });
  if (!(await retryDeadLetter(context.env, letter)))
    throw new Refusal(
      'conflict',
      letter.kind === 'invalid_result'
        ? 'a result that broke its contract is kept to be read; there is nothing to send again'
        : 'it is not dead any more',
    );
  return context.json({ id, status: 'replayed' }, 202);
});
