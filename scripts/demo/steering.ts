import { CHATS, type ChatName, OPERATOR } from './chats.ts';
import type { Stage } from './stage.ts';
import type { Terminal } from './terminal.ts';
import { until } from './until.ts';

interface Steering {
  stage: Stage;
  terminal: Terminal;
  timeoutMs: number;
  over: () => string | null;
}

interface RunLine {
  id: string;
  group: string;
  status: string;
}

interface RunView {
  events: { type: string }[];
  messages: { text: string; seenAt: string | null }[];
}

/** Writes in the group's chat, where nothing goes on, and waits for the agent's answer. */
export async function askInChat(
  { stage, terminal, timeoutMs }: Steering,
  group: ChatName,
  text: string,
): Promise<void> {
  terminal.line('Jan', `writes to ${group}: ${text}`);
  const chatId = CHATS[group].id;
  stage.telegram.say({ chatId, from: OPERATOR, text });
  const answer = await until(
    `${group}'s answer`,
    () => stage.telegram.messages(chatId).find((one) => one.fromBot && one.text.startsWith(`${group}\n`)),
    { timeoutMs },
  );
  if (/^Could not do/m.test(answer.text)) throw new Error(answer.text);
}

/** Waits for a session of this group to be at work, writes in the group's chat, and sees it arrive. */
export async function tellWhoWorks(
  { stage, terminal, timeoutMs, over }: Steering,
  group: ChatName,
  text: string,
): Promise<void> {
  const view = (run: string) => stage.api.get<RunView>(`/api/runs/${run}`);
  const run = await until(
    `a session of ${group} at work`,
    async () => {
      const runs = await stage.api.list<RunLine>('/api/runs');
      const running = runs.find((one) => one.group === group && one.status === 'running');
      if (!running) return undefined;
      const { events } = await view(running.id);
      return events.some(({ type }) => type === 'tool') ? running.id : undefined;
    },
    { timeoutMs, over },
  );
  terminal.line('Jan', `writes to ${group}: ${text}`);
  const chatId = CHATS[group].id;
  stage.telegram.say({ chatId, from: OPERATOR, text });
  await until(
    `the answer in ${group}'s chat`,
    () => stage.telegram.messages(chatId).find((message) => message.text.startsWith('Passed on to ')),
    { timeoutMs },
  );
  await until(
    'the model to read it',
    async () => {
      const { messages } = await view(run);
      return messages.find((message) => message.text === text)?.seenAt ?? undefined;
    },
    { timeoutMs },
  );
  if (stage.anthropic === null) return;
  const asked = stage.anthropic.requests().find(({ notes }) => String(notes?.told ?? '').includes(text));
  if (asked === undefined) throw new Error(`no model call held “${text}”, though the run says so`);
  terminal.line('Model', `reads in its next call: “${text}”`);
}
