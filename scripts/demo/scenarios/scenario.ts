import type { LoopName } from '../../../core/loops/index.ts';
import type { HostTwinOptions } from '../../../twins/hosts/index.ts';
import type { Actors } from '../actors.ts';

/** One story: what people and machines do, and what the operator must have heard in the end. */
export interface Scenario {
  title: string;
  /** Which defect of examples/defects is pushed first; `--defect` replaces it. Null: none, and no build. */
  defect: string | null;
  branch: string;
  /** The loop whose incident the story follows. */
  loop: LoopName;
  /** A server that Sam looks after; null: none. */
  host: HostTwinOptions | null;
  /** How many runners there are. */
  runners: number;
  /** The state that the incident must reach. */
  expectedStatus: 'resolved' | 'explained' | 'escalated' | 'approved';
  /** Each message of the operator's chat, in order, and no other: how it begins. */
  expectedMessages: readonly string[];
  /** What happens before the defect is pushed. */
  before?(actors: Actors): Promise<void>;
  play(actors: Actors): Promise<void>;
}

export const SAYS = {
  detected: '🔴 Pipeline failure on ',
  prReady: '🟡 PR ready for approval: ',
  fixPushed: '🟡 Fix pushed to ',
  restarting: '🔁 Restarting the pipeline failure recovery loop',
  resolved: '🟢 Resolved: ',
  explained: '🔵 Explained: ',
  escalated: '🆘 Escalated: ',
  hooksOff: '⚠️ Azure DevOps does not tell us everything',
  hooksOn: '✅ Azure DevOps tells us again',
  asksFor: '🟠 sam asks for a command that cannot be undone',
} as const;
