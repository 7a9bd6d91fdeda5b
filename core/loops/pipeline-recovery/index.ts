import type { Loop } from '../loop.ts';
import { decide } from './decide.ts';
import type { PipelineEvent } from './events.ts';
import { evolve } from './evolve.ts';
import type { PipelineFact } from './facts.ts';
import { AGENT_TIMERS } from './policy.ts';
import { initialState, type PipelineState } from './state.ts';

/** Row B2: a failed build becomes a verified fix, or a human hears why not. */
export const pipelineRecovery: Loop<PipelineState, PipelineEvent, PipelineFact> = {
  name: 'pipeline-recovery',
  initial: initialState,
  decide,
  evolve,
  timers: (state) => [state.timer, state.ownBuildTimer].filter((timer) => timer !== null),
  agentTimers: AGENT_TIMERS,
  status: (state) => state.status,
  episode: (state) => state.episode?.number ?? 0,
};
