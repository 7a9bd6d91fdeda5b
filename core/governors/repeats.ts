/** Row C5: the same command more than 5 times in 10 minutes is blocked; so often with the same error ends the run. */
export const MAX_REPEATS = 5;
export const REPEAT_WINDOW_MS = 10 * 60_000;
export const MAX_SAME_ERRORS = 5;

export interface RepeatState {
  /** Commands of the window, oldest first. */
  commands: { key: string; at: number }[];
  /** How often each call failed in the same way. */
  errors: Record<string, number>;
}

export const noRepeats: RepeatState = { commands: [], errors: {} };

/** White space and what differs in every run (times, sizes, line numbers) do not make another call. */
const sameText = (text: string): string => text.trim().replace(/\s+/g, ' ');
const sameError = (text: string): string => sameText(text).replace(/\d+(?:\.\d+)?/g, '#');

/** Whether this command may run once more; a blocked one counts neither for nor against the next. */
export function decideCommand(
  state: RepeatState,
  command: string,
  nowMs: number,
): { state: RepeatState; blocked: boolean } {
  const key = sameText(command);
  const commands = state.commands.filter(({ at }) => nowMs - at < REPEAT_WINDOW_MS);
  const blocked = commands.filter((each) => each.key === key).length >= MAX_REPEATS;
  if (!blocked) commands.push({ key, at: nowMs });
  return { state: { ...state, commands }, blocked };
}

/** Whether the same call has failed in the same way too often. A call that succeeds clears its own count. */
export function decideOutcome(
  state: RepeatState,
  call: { name: string; input: string; error: string | null },
): { state: RepeatState; stuck: boolean } {
  const own = `${call.name} ${sameText(call.input)}\n`;
  if (call.error === null) {
    const errors = Object.fromEntries(Object.entries(state.errors).filter(([key]) => !key.startsWith(own)));
    return { state: { ...state, errors }, stuck: false };
  }
  const key = own + sameError(call.error);
  const count = (state.errors[key] ?? 0) + 1;
  return { state: { ...state, errors: { ...state.errors, [key]: count } }, stuck: count > MAX_SAME_ERRORS };
}
