import { Hono } from 'hono';
import type { Env } from '../../env.ts';
import { runnerArtifacts } from './artifacts.ts';
import { runnerAuditSearch } from './audit-search.ts';
import { runnerEvents } from './events.ts';
import { runnerRelay } from './relay.ts';

/** The doors of runners: every request is signed by one of them. */
export const runnerDoors = new Hono<{ Bindings: Env }>();
runnerDoors.route('/', runnerEvents);
runnerDoors.route('/', runnerArtifacts);
runnerDoors.route('/', runnerRelay);
runnerDoors.route('/', runnerAuditSearch);
