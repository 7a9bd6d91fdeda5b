import type { AuditSearchInput } from '../../../core/contracts/audit-search.ts';
import type { RunRequest } from '../../../core/contracts/run.ts';
import type { ToolAnswer } from '../backend/sandbox.ts';
import { type WorkerClient, WorkerError } from '../worker/worker-client.ts';

export interface AuditSearchDeps {
  worker: Pick<WorkerClient, 'auditSearch'>;
}

/** Reads the audit log in the run's name. */
export async function auditSearch(
  request: Pick<RunRequest, 'id' | 'fence'>,
  input: AuditSearchInput,
  { worker }: AuditSearchDeps,
): Promise<ToolAnswer> {
  try {
    const text = await worker.auditSearch({ run: request.id, fence: request.fence, input });
    return { text, isError: false };
  } catch (error) {
    if (!(error instanceof WorkerError)) throw error;
    return { text: `The audit log cannot be read now: ${error.problem}`, isError: true };
  }
}
