import { Hono } from 'hono';
import type { Env } from './env.ts';

/** Says only that the Worker answers; what is wrong inside is the operator’s to read, in `/api/status`. */
export const health = new Hono<{ Bindings: Env }>().get('/', (context) => context.json({ ok: true }));
