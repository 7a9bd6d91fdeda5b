import type { Stage } from './stage.ts';
import type { Terminal } from './terminal.ts';
import { until } from './until.ts';

const END_MS = 30_000;

export interface HookActors {
  /** Switches all service hooks off, as a person in Azure DevOps would. */
  switchOff(): Promise<void>;
  /** Switches them on again and sends every event that was lost meanwhile. */
  switchOnAndDeliverLost(): Promise<void>;
}

export function stageHooks(stage: Stage, terminal: Terminal): HookActors {
  const set = (status: 'enabled' | 'disabledByUser') => {
    for (const subscription of stage.azure.subscriptions()) subscription.status = status;
  };
  return {
    async switchOff() {
      terminal.line('Azure', 'somebody switches all service hooks off');
      set('disabledByUser');
    },
    async switchOnAndDeliverLost() {
      set('enabled');
      const lost = stage.azure.deliveries().filter(({ outcome }) => outcome === 'lost');
      terminal.line('Azure', `the service hooks are on again; ${lost.length} lost events arrive late`);
      for (const { notificationId, subscriptionId } of lost) {
        const answer = await fetch(`${stage.azure.origin}/__twin/redeliver`, {
          method: 'POST',
          body: JSON.stringify({ notificationId, subscriptionId }),
        });
        if (!answer.ok) throw new Error(`a lost event could not be sent: ${answer.status}`);
      }
    },
  };
}

interface Firing {
  id: string;
  status: string;
  note: string | null;
}

/** Runs a schedule now and waits for its end. One that is going already is waited for first. */
export async function runSchedule(stage: Stage, terminal: Terminal, id: string): Promise<void> {
  const newest = async () => (await stage.api.get<{ firings: Firing[] }>(`/api/schedules/${id}`)).firings;
  const ended = (wanted: (firing: Firing) => boolean) => async () => {
    const firing = (await newest()).find(wanted);
    return firing && firing.status !== 'going' ? firing : undefined;
  };
  if ((await newest()).length > 0)
    await until(
      `the end of ${id}`,
      ended(() => true),
      { timeoutMs: END_MS },
    );
  const { firing } = await stage.api.send<{ firing: string }>('POST', `/api/schedules/${id}/run`);
  const { status, note } = await until(
    `the end of ${firing}`,
    ended((one) => one.id === firing),
    {
      timeoutMs: END_MS,
    },
  );
  terminal.line('Jan', `runs the schedule ${id}: ${status}${note ? ` (${note})` : ''}`);
}
