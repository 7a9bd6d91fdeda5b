import { createHash } from 'node:crypto';
import type { AdminAction } from '../../../core/contracts/admin-action.ts';
import { derivedId } from '../../../core/contracts/ids.ts';
import type { AdminRequest, RequestInput } from '../../../core/contracts/intents.ts';
import type { RunRequest } from '../../../core/contracts/run.ts';
import { canonicalDigest } from '../../../wire/canonical-digest.ts';
import type { ToolAnswer } from '../backend/sandbox.ts';
import type { EventSpool } from '../worker/event-spool.ts';

export interface RequestDeps {
  spool: Pick<EventSpool, 'append'>;
  redact: (text: string) => string;
}

/** Each takes a person's time. */
export const MAX_REQUESTS = 5;

/** Free text alone may hold a secret: everything else is a name. */
const redacted = (action: AdminAction, redact: RequestDeps['redact']): AdminAction =>
  action.kind === 'for_a_person' ? { ...action, text: redact(action.text).slice(0, 2_000) } : action;

/** Files a request for what the agent has no right to. `filed`: ids of this session so far, added to. */
export async function fileRequest(
  run: Pick<RunRequest, 'id' | 'fence' | 'group'>,
  input: RequestInput,
  filed: Set<string>,
  deps: RequestDeps,
): Promise<ToolAnswer> {
  const body: AdminRequest = {
    kind: 'admin_request',
    group: run.group,
    title: deps.redact(input.title).slice(0, 120),
    reason: deps.redact(input.reason).slice(0, 1_000),
    action: redacted(input.action, deps.redact),
  };
  const digest = await canonicalDigest(body);
  const id = derivedId('int', createHash('sha256').update(`${run.id} ${run.fence} ${digest}`).digest());
  const kept = `Filed as ${id}; a person decides within 24 hours, and you will hear.`;
  if (filed.has(id))
    return { text: `${kept} It was filed before: asking again changes nothing.`, isError: false };
  if (filed.size >= MAX_REQUESTS)
    return {
      text: `Refused (too_many_requests): ${MAX_REQUESTS} requests of this session are filed already. Put the rest into your report.`,
      isError: true,
    };
  filed.add(id);
  const { id: ofRun, fence } = run;
  deps.spool.append(ofRun, fence, { type: 'intent', data: { id, run: ofRun, fence, digest, body } });
  return { text: `${kept} Nothing is done until then: go on without it.`, isError: false };
}
