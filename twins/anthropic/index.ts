/**
 * The Anthropic twin: a server that speaks the Messages API and plays the model by a strategy (`strategy/`).
 * It keeps no conversation: each request is answered from its own messages alone. In memory are only the prompt
 * cache, the usage sums and the request log.
 */

import type { FaultRequest } from '../shared/faults.ts';
import type { RequestLogEntry } from '../shared/request-log.ts';
import { startTwinServer } from '../shared/twin-server.ts';
import { errorReply, faultText } from './server/errors.ts';
import { newId } from './server/ids.ts';
import { createRoutes } from './server/routes.ts';
import type { UsageTotals } from './usage/totals.ts';

export type AnthropicTwinOptions = {
  /** When set, requests with another `x-api-key` (or bearer token) get 401. */
  apiKey?: string;
  /** Waited before each answer of `/v1/messages`, as a model would think. */
  latencyMs?: number;
  /** Faults to begin with; more by `POST /__twin/faults` (`{ path: "/v1/messages", status: 529, times: 2 }`). */
  faults?: FaultRequest[];
  host?: string;
  port?: number;
  /** The clock of the prompt cache, epoch milliseconds. */
  now?: () => number;
};

export type AnthropicTwin = {
  url: string;
  close(): Promise<void>;
  requests(): readonly RequestLogEntry[];
  /** What was served, to the token; also `GET /__twin/usage`. */
  usageTotals(): UsageTotals;
  addFault(fault: FaultRequest): void;
};

export async function createAnthropicTwin(options: AnthropicTwinOptions = {}): Promise<AnthropicTwin> {
  const routes = createRoutes({
    apiKey: options.apiKey,
    latencyMs: options.latencyMs ?? 0,
    now: options.now ?? Date.now,
  });
  const server = await startTwinServer({
    handle: routes.handle,
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(options.port === undefined ? {} : { port: options.port }),
    bodyLimitBytes: 32 * 1024 * 1024,
    errorReply: (status, message) => errorReply(status, faultText(status, message), newId('req')),
  });
  for (const fault of options.faults ?? []) server.faults.add(fault);
  return {
    url: server.url,
    close: server.close,
    requests: server.log.entries,
    usageTotals: routes.usageTotals,
    addFault: (fault) => {
      server.faults.add(fault);
    },
  };
}
