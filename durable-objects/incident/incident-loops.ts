import { adminRequest } from '../../core/loops/admin-request/index.ts';
import type { LoopEvent, LoopName } from '../../core/loops/index.ts';
import { pipelineRecovery } from '../../core/loops/pipeline-recovery/index.ts';
import type { PipelineState } from '../../core/loops/pipeline-recovery/state.ts';
import { task } from '../../core/loops/task/index.ts';
import type { TaskState } from '../../core/loops/task/state.ts';
import { auditRowOf, type Speaker } from '../shared/journal-audit.ts';
import type { Sql } from '../shared/sql.ts';
import { adminRequestRows } from './admin-request-rows.ts';
import { IncidentStore } from './incident-store.ts';
import { pipelineRows } from './pipeline-rows.ts';
import { PIPELINE_STATE_VERSION, PIPELINE_UPCASTERS } from './pipeline-upcasters.ts';
import { taskRows } from './task-rows.ts';

/** A store whose loop only its key tells. */
export type AnyIncidentStore = Pick<
  IncidentStore<unknown, LoopEvent, { type: string; data: unknown }>,
  | 'outbox'
  | 'projections'
  | 'subjects'
  | 'journal'
  | 'incident'
  | 'key'
  | 'exists'
  | 'state'
  | 'receive'
  | 'settle'
  | 'fail'
  | 'decide'
  | 'timers'
  | 'isAgentTimer'
  | 'timerSetAt'
  | 'timerEventId'
  | 'eventId'
  | 'status'
  | 'episode'
  | 'replay'
  | 'redecide'
  | 'retry'
  | 'deleteSubject'
  | 'redact'
>;

interface Deps {
  now(): number;
  changed(): void;
}

function pipelineSpeaker({ episode }: PipelineState): Speaker | null {
  const run = episode?.activeRun;
  return run ? { run: run.run, agent: run.group, model: null } : null;
}

function taskSpeaker({ request, run }: TaskState): Speaker | null {
  return request && run ? { run: run.id, agent: request.group, model: null } : null;
}

/** `name`: the incident's id; null in an object without a name, which reads it from its table. */
export function openIncidentStore(
  sql: Sql,
  name: string | null,
  loop: LoopName,
  deps: Deps,
): AnyIncidentStore {
  switch (loop) {
    case 'pipeline-recovery':
      return new IncidentStore(sql, name, pipelineRecovery, {
        ...deps,
        rowsOf: pipelineRows,
        upcasters: PIPELINE_UPCASTERS,
        stateVersion: PIPELINE_STATE_VERSION,
        auditOf: (line, chain, state) => auditRowOf(line, chain, pipelineSpeaker(state)),
      });
    case 'task':
      return new IncidentStore(sql, name, task, {
        ...deps,
        rowsOf: taskRows,
        upcasters: [],
        stateVersion: 1,
        auditOf: (line, chain, state) => auditRowOf(line, chain, taskSpeaker(state)),
      });
    case 'admin-request':
      return new IncidentStore(sql, name, adminRequest, {
        ...deps,
        rowsOf: adminRequestRows,
        upcasters: [],
        stateVersion: 1,
        auditOf: (line, chain) => auditRowOf(line, chain),
      });
  }
}
