import { readFile } from 'node:fs/promises';
import type { Build } from '../../twins/azure-devops/index.ts';
import type { HostTwin } from '../../twins/hosts/index.ts';
import { CHATS, type ChatName, OPERATOR } from './chats.ts';
import { type DefectPatch, subjectOf } from './defect-patch.ts';
import type { DemoRunner } from './runners.ts';
import { defectFile } from './source-repository.ts';
import type { Stage } from './stage.ts';
import { type HookActors, runSchedule, stageHooks } from './stage-hooks.ts';
import { stageRunners } from './stage-runners.ts';
import { askInChat, tellWhoWorks } from './steering.ts';
import type { Terminal } from './terminal.ts';
import { until } from './until.ts';

/** The people of a scenario, and what they wait for. Waiting ends early when the incident has ended. */
export interface Actors {
  developer: {
    /** Pushes a patch (a name in examples/defects, or one that was read); gives the new commit. */
    pushes(patch: string | DefectPatch, branch: string): Promise<string>;
  };
  operator: {
    /** Presses Approve under the next message that asks for it. */
    approvesNext(): Promise<void>;
    /** Writes in the chat of an agent that does nothing; resolves with its answer there. */
    asksInChat(group: ChatName, text: string): Promise<void>;
    /** Writes in the chat of an agent whose session is going on; resolves when its model has read it. */
    tellsWhoWorks(group: ChatName, text: string): Promise<void>;
    /** Gives a task to a group's agent. */
    asks(group: string, text: string): Promise<void>;
    /** Runs a schedule now, to its end. */
    runs(schedule: string): Promise<void>;
  };
  runners: {
    /** Kills the runner on which Cody is at work; gives it once it is gone. */
    loseTheOneAtWork(): Promise<DemoRunner>;
    /** Stops everything while Cody works, sees that no container is left, and lets it go on. */
    stopAllAtWork(): Promise<void>;
    /** Starts it again, and waits until nothing of what it had begun is left. */
    comesBackAndTidies(runner: DemoRunner): Promise<void>;
  };
  host: {
    /** Waits until the server is as it should be. */
    until(what: string, look: (twin: HostTwin) => Promise<boolean>): Promise<void>;
  };
  hooks: HookActors;
  /** `afterTheEnd`: it may come when the incident has ended already. */
  untilMessage(beginning: string, afterTheEnd?: boolean): Promise<void>;
  untilBuild(what: string, matches: (build: Build) => boolean): Promise<Build>;
}

/** A person reads before pressing a button. */
const READING_MS = 1_500;

export function createActors(
  stage: Stage,
  terminal: Terminal,
  timeoutMs: number,
  over: () => string | null,
): Actors {
  const operatorMessages = () =>
    stage.telegram.messages(CHATS.operator.id).filter((message) => message.fromBot);
  const pressed = new Set<number>();
  return {
    developer: {
      async pushes(patch, branch) {
        const { subject, diff } =
          typeof patch === 'string' ? ownPatch(await readFile(defectFile(patch), 'utf8')) : patch;
        terminal.line('Dana', `pushes "${subject}" to ${branch}`);
        return stage.azure.pushPatch({
          repository: stage.repository,
          branch,
          message: subject,
          patch: diff,
        });
      },
    },
    operator: {
      async approvesNext() {
        const asking = await until(
          'a message with an Approve button',
          () =>
            operatorMessages().find(
              ({ messageId, buttons }) =>
                !pressed.has(messageId) && buttons.flat().some(({ text }) => text === 'Approve'),
            ),
          { timeoutMs, over },
        );
        pressed.add(asking.messageId);
        await new Promise((next) => setTimeout(next, READING_MS));
        terminal.line('Jan', 'presses Approve');
        const outcome = stage.telegram.press({
          chatId: CHATS.operator.id,
          messageId: asking.messageId,
          button: 'Approve',
          from: OPERATOR,
        });
        if (!outcome.ok) throw new Error(`the button could not be pressed: ${outcome.message}`);
      },
      asksInChat: (group, text) => askInChat({ stage, terminal, timeoutMs, over }, group, text),
      tellsWhoWorks: (group, text) => tellWhoWorks({ stage, terminal, timeoutMs, over }, group, text),
      async asks(group, text) {
        terminal.line('Jan', `asks ${group}: ${text}`);
        await stage.api.send('POST', `/api/groups/${group}/tasks`, { text });
      },
      runs: (schedule) => runSchedule(stage, terminal, schedule),
    },
    hooks: stageHooks(stage, terminal),
    runners: stageRunners(stage, terminal, timeoutMs, over),
    host: {
      async until(what, look) {
        const { host } = stage;
        if (host === null) throw new Error('this scenario has no server');
        await until(what, async () => ((await look(host)) ? true : undefined), { timeoutMs });
      },
    },
    async untilMessage(beginning, afterTheEnd = false) {
      await until(
        `the message "${beginning.trim()}"`,
        () =>
          operatorMessages().find(({ text, history }) => (history[0]?.text ?? text).startsWith(beginning)),
        afterTheEnd ? { timeoutMs } : { timeoutMs, over },
      );
    },
    untilBuild: (what, matches) => until(what, () => stage.azure.builds().find(matches), { timeoutMs, over }),
  };
}

/** A patch of ours, which may build on the one before it. */
function ownPatch(text: string): DefectPatch {
  return { subject: subjectOf(text), diff: text.slice(Math.max(0, text.indexOf('diff --git '))) };
}
