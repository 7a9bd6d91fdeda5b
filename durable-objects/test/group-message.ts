/** A message between agents that asks Cody for a turn. */
export const groupMessage = (id: string, thread: string, change = {}) => ({
  id,
  group: 'cody',
  thread,
  from: 'ryan',
  text: `text of ${id}`,
  turn: true,
  incident: 'inc_x',
  at: 1,
  ...change,
});
