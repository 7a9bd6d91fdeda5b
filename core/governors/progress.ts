/** Row C5: looked at every 10 turns; 3 looks without progress warn the agent, 2 more end the run. */
export const LOOK_EVERY_TURNS = 10;
export const IDLE_LOOKS_TO_WARN = 3;
export const IDLE_LOOKS_TO_END = 5;

/** What shows that work goes on; null: not known yet. */
export interface Signs {
  itemsDone: number;
  /** Of all files of the workspace, committed or not. */
  workspace: string | null;
  /** Each test command with what came of it last. */
  tests: string;
}

export interface ProgressState {
  lookedAtTurn: number;
  idleLooks: number;
  seen: Signs;
}

export const noProgress: ProgressState = {
  lookedAtTurn: 0,
  idleLooks: 0,
  seen: { itemsDone: 0, workspace: null, tests: '' },
};

export type ProgressDecision = 'go_on' | 'warn' | 'end';

function hasProgressed(before: Signs, now: Signs): boolean {
  return (
    now.itemsDone > before.itemsDone ||
    now.tests !== before.tests ||
    (before.workspace !== null && now.workspace !== before.workspace)
  );
}

/** A checklist item done, a file changed, or a test outcome changed since the last look counts as progress. */
export function decideProgress(
  state: ProgressState,
  turns: number,
  signs: Signs,
): { state: ProgressState; decision: ProgressDecision } {
  // The workspace as it was found is the first mark.
  const seen = { ...state.seen, workspace: state.seen.workspace ?? signs.workspace };
  if (turns - state.lookedAtTurn < LOOK_EVERY_TURNS) return { state: { ...state, seen }, decision: 'go_on' };
  const idleLooks = hasProgressed(seen, signs) ? 0 : state.idleLooks + 1;
  const decision =
    idleLooks >= IDLE_LOOKS_TO_END ? 'end' : idleLooks === IDLE_LOOKS_TO_WARN ? 'warn' : 'go_on';
  return { state: { lookedAtTurn: turns, idleLooks, seen: signs }, decision };
}
