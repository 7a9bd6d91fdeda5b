import { ENDED_STATUSES, type LoopName } from '../../core/loops/index.ts';
import { CHATS } from './chats.ts';
import { type JournalEntry, narrate } from './narrate.ts';
import type { Stage } from './stage.ts';
import type { Terminal } from './terminal.ts';
import { watchRuns } from './watch-runs.ts';

export interface IncidentDetail {
  id: string;
  key: string;
  status: string;
  episode: number;
  state: unknown;
  journal: JournalEntry[];
}

export interface Watch {
  /** The incident as last seen; null before the first. */
  incident(): IncidentDetail | null;
  /** Why nothing more will come; null while the loop goes on. */
  over(): string | null;
  stop(): Promise<void>;
}

const INTERVAL_MS = 250;
/** Shows what happens as it happens: builds, journal entries, messages. Follows the first incident of `loop`. */
export function watchStage(stage: Stage, terminal: Terminal, loop: LoopName): Watch {
  let incident: IncidentDetail | null = null;
  let running = true;
  const shownBuilds = new Map<number, string>();
  const shownMessages = new Set<string>();
  let shownSeq = 0;
  const showRun = watchRuns(stage, terminal);
  let heavyRun: string | null = null;

  function showBuilds(): void {
    for (const build of stage.azure.builds()) {
      const now = build.result ?? build.status;
      if (shownBuilds.get(build.id) === now || build.status === 'notStarted') continue;
      shownBuilds.set(build.id, now);
      const what = `build ${build.buildNumber} of ${build.sourceBranch.replace('refs/heads/', '')} (${build.reason})`;
      terminal.line('Azure', build.result ? `${what}: ${build.result}` : `${what} runs`);
    }
  }

  function showMessages(): void {
    for (const [name, { id }] of Object.entries(CHATS)) {
      for (const message of stage.telegram.messages(id)) {
        const key = `${id}:${message.messageId}`;
        if (shownMessages.has(key) || !message.fromBot) continue;
        shownMessages.add(key);
        const [first = '', ...rest] = message.text.split('\n');
        const text = name === 'operator' ? message.text : `${first}${rest.length > 0 ? ' …' : ''}`;
        terminal.line('Telegram', `to ${name}: ${text}`);
      }
    }
  }

  const firstIncident = async () =>
    (await stage.api.list<{ id: string; loop: string }>('/api/incidents')).find((row) => row.loop === loop);

  async function showJournal(): Promise<void> {
    const found = incident?.id ?? (await firstIncident())?.id;
    if (!found) return;
    incident = await stage.api.get<IncidentDetail>(`/api/incidents/${found}`);
    for (const entry of incident.journal) {
      if (entry.seq <= shownSeq) continue;
      shownSeq = entry.seq;
      if (entry.type === 'run_requested') {
        const { run, group } = entry.data as { run: string; group: string };
        heavyRun = group === 'cody' ? run : heavyRun;
      }
      const line = narrate(entry);
      if (line) terminal.line(line.who, line.text);
    }
  }

  const watching = (async () => {
    while (running) {
      showBuilds();
      if (heavyRun) await showRun(heavyRun, 'Cody').catch(() => {});
      await showJournal().catch((error) => terminal.line('setup', `the API could not be asked: ${error}`));
      showMessages();
      await new Promise((next) => setTimeout(next, INTERVAL_MS));
    }
  })();

  return {
    incident: () => incident,
    over: () =>
      incident && ENDED_STATUSES.includes(incident.status) ? `the incident is ${incident.status}` : null,
    async stop() {
      running = false;
      await watching;
    },
  };
}
