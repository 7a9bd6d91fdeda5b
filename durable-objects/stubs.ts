import type { GroupQueueRpc } from './group-queue/group-queue-rpc.ts';
import type { InboxRpc } from './inbox/inbox-rpc.ts';
import type { IncidentRpc } from './incident/incident-rpc.ts';
import type { RelayPolicyRpc } from './relay-policy/relay-policy-rpc.ts';
import type { RunRpc } from './run/run-rpc.ts';
import type { RunPoolRpc } from './run-pool/run-pool-rpc.ts';
import type { SchedulerRpc } from './scheduler/scheduler-rpc.ts';
import type { KeptRpc } from './shared/kept-rpc.ts';
import type { TelegramRpc } from './telegram/telegram-rpc.ts';

/** The one place where a name becomes a stub: who may be called how is `rpc.ts`, not the class. */
export const stubOf = <Rpc>(namespace: DurableObjectNamespace, name: string): Rpc =>
  namespace.getByName(name) as unknown as Rpc;

type Objects = Pick<
  Cloudflare.Env,
  'INBOX' | 'INCIDENT' | 'GROUP_QUEUE' | 'RUN' | 'RUN_POOL' | 'RELAY_POLICY' | 'SCHEDULER' | 'TELEGRAM'
>;

/** A power of two: a shard is the low bits of a digest. */
export const INBOX_SHARDS = 16;

export const inboxByName = (env: Objects, name: string) => stubOf<InboxRpc>(env.INBOX, name);
export const inboxShard = (env: Objects, shard: number) => inboxByName(env, `inbox-${shard}`);
export const incidentStub = (env: Objects, incident: string) => stubOf<IncidentRpc>(env.INCIDENT, incident);
export const groupQueueStub = (env: Objects, group: string) => stubOf<GroupQueueRpc>(env.GROUP_QUEUE, group);
export const runStub = (env: Objects, run: string) => stubOf<RunRpc>(env.RUN, run);
export const runPoolStub = (env: Objects) => stubOf<RunPoolRpc>(env.RUN_POOL, 'pool');
export const relayPolicyStub = (env: Objects) => stubOf<RelayPolicyRpc>(env.RELAY_POLICY, 'policy');
export const schedulerStub = (env: Objects) => stubOf<SchedulerRpc>(env.SCHEDULER, 'schedules');
export const telegramStub = (env: Objects) => stubOf<TelegramRpc>(env.TELEGRAM, 'bot');

/** How D1 and backups name an object: its kind, as in `group_queue`, and its own name. */
export interface ObjectName {
  objectType: string;
  object: string;
}

/** Null: there is no such kind of object. */
export function objectStub(env: Objects, { objectType, object }: ObjectName): KeptRpc | null {
  switch (objectType) {
    case 'inbox':
      return inboxByName(env, object);
    case 'incident':
      return incidentStub(env, object);
    case 'group_queue':
      return groupQueueStub(env, object);
    case 'run':
      return runStub(env, object);
    case 'run_pool':
      return runPoolStub(env);
    case 'relay_policy':
      return relayPolicyStub(env);
    case 'scheduler':
      return schedulerStub(env);
    case 'telegram':
      return telegramStub(env);
    default:
      return null;
  }
}
