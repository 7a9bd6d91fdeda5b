import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { excerptLog } from '../../core/evidence/excerpt.ts';
import { createActors } from './actors.ts';
import type { DemoArguments } from './arguments.ts';
import { CHATS } from './chats.ts';
import { findFaults } from './check-outcome.ts';
import { type DefectPatch, readDefect } from './defect-patch.ts';
import { scenarios } from './scenarios/index.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { defectFile, prepareRepository, type SourceRepository } from './source-repository.ts';
import { openStage, type Stage } from './stage.ts';
import { type CostRow, printSummary, printWhereNext } from './summary.ts';
import type { Terminal } from './terminal.ts';
import { until } from './until.ts';
import { type IncidentDetail, type Watch, watchStage } from './watch.ts';

const BASELINE_TIMEOUT_MS = 5 * 60_000;
const TWIN_TIMEOUT_MS = 10 * 60_000;
const REAL_TIMEOUT_MS = 45 * 60_000;

/**
 * Plays one scenario from an empty stage to its end. Gives the faults found; throws when it could not be played, or
 * when `signal` interrupted it. Whatever was started is stopped in any case.
 */
export async function playDemo(
  wanted: DemoArguments,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<string[]> {
  const scenario = scenarios[wanted.scenario];
  terminal.title(scenario.title);
  const feature = wanted.scenario === 'branch' ? scenario.branch : null;
  const repository = await prepareRepository(wanted.repo, feature);
  const carrier = wanted.scenario === 'environment' ? await openCarrier() : null;
  try {
    const patch = wanted.defect ?? (scenario.defect === null ? null : defectFile(scenario.defect));
    const defect = patch === null ? null : await readDefect(repository.dir, patch);
    for (const remark of repository.remarks) terminal.line('setup', remark);
    const stage = await openStage({
      repository,
      docker: wanted.docker,
      model: wanted.model,
      host: scenario.host,
      runners: scenario.runners,
      ciEnv: carrier ? { CARRIER_URL: carrier.url } : {},
      terminal,
      signal,
    });
    let keepState = true;
    try {
      const timeoutMs = wanted.model === 'real' ? REAL_TIMEOUT_MS : TWIN_TIMEOUT_MS;
      if (defect !== null) await untilBaselineIsGreen(stage, repository, terminal, signal);
      carrier?.close();
      const faults = await playScenario({
        stage,
        scenario,
        repository,
        defect,
        terminal,
        signal,
        timeoutMs,
        keep: wanted.keep,
        journal: wanted.journal,
      });
      faults.push(...(await stage.findSecrets()));
      keepState = faults.length > 0;
      return faults;
    } finally {
      keepState &&= !signal.aborted;
      if (keepState) terminal.line('setup', `logs are kept in ${stage.logDir}, the state beside them`);
      await stage.close({ keepState });
    }
  } finally {
    carrier?.close();
    await repository.discard();
  }
}

/** A host that is up while the first build runs and down when the scenario begins. */
async function openCarrier(): Promise<{ url: string; close(): void }> {
  const server = createServer((_, response) => response.end('{"status":"ok"}'));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the carrier has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** What ends every wait early. */
const interruption = (signal: AbortSignal): (() => string | null) => {
  return () => (signal.aborted ? 'it was interrupted' : null);
};

/** What a build says went wrong, short enough for a terminal. */
function whyRed(stage: Stage, buildId: number): string {
  return excerptLog(stage.azure.buildLog(buildId), { maxBytes: 3_000 }).text;
}

async function untilBaselineIsGreen(
  stage: Stage,
  repository: SourceRepository,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  terminal.line('setup', 'building the repository as it is, so that there is a last green commit');
  await stage.azure.queueBuild(1, repository.defaultBranch);
  const [build] = await until(
    'the end of the first build',
    () => (stage.azure.builds()[0]?.result ? stage.azure.builds() : undefined),
    { timeoutMs: BASELINE_TIMEOUT_MS, over: interruption(signal) },
  );
  await stage.azure.hooksIdle();
  if (build?.result === 'succeeded') return;
  throw new Error(`the repository is not green before the defect:\n${build ? whyRed(stage, build.id) : ''}`);
}

/** A defect that no build notices would be waited for in vain. */
async function untilDefectIsFound(stage: Stage, commit: string, over: () => string | null): Promise<void> {
  const build = await until(
    'a build of the defect',
    () => stage.azure.builds().find(({ sourceVersion, result }) => sourceVersion === commit && result),
    { timeoutMs: BASELINE_TIMEOUT_MS, over },
  );
  if (build.result === 'succeeded')
    throw new Error(
      `the defect breaks nothing: build ${build.buildNumber} is green with it, so there is nothing to recover`,
    );
}

async function playScenario(play: {
  stage: Stage;
  scenario: Scenario;
  repository: SourceRepository;
  defect: DefectPatch | null;
  terminal: Terminal;
  signal: AbortSignal;
  timeoutMs: number;
  keep: boolean;
  journal: string | null;
}): Promise<string[]> {
  const { stage, scenario, repository, terminal, timeoutMs, signal } = play;
  terminal.startClock();
  const watch = watchStage(stage, terminal, scenario.loop);
  const isInterrupted = interruption(signal);
  const over = () => isInterrupted() ?? watch.over();
  const faults: string[] = [];
  try {
    const actors = createActors(stage, terminal, timeoutMs, over);
    const branch = scenario.branch === 'main' ? repository.defaultBranch : scenario.branch;
    await scenario.before?.(actors);
    if (play.defect !== null) {
      const commit = await actors.developer.pushes(play.defect, branch);
      await untilDefectIsFound(stage, commit, isInterrupted);
    }
    await scenario.play(actors);
    await until('the end of the incident', () => over() ?? undefined, { timeoutMs });
  } catch (error) {
    // An incident that ended otherwise is a story, too: it is told to its end.
    if (watch.over() === null || signal.aborted) {
      await watch.stop();
      if (play.keep && !signal.aborted) {
        terminal.plain(`\n${(error as Error).message}`);
        await untilInterrupted(stage, watch, terminal, signal);
      }
      throw error;
    }
    faults.push((error as Error).message);
  }
  if (signal.aborted) {
    await watch.stop();
    throw new Error('it was interrupted');
  }
  await settle(stage);
  await watch.stop();
  const seconds = (terminal.elapsedMs() / 1_000).toFixed(1);
  const incident = watch.incident();
  if (incident) await printSummary(stage, incident, terminal);
  terminal.title(
    `${scenario.expectedStatus === incident?.status ? 'Done' : 'Ended'} after ${seconds} s: ${incident?.status}`,
  );
  faults.push(...(await judge(stage, scenario, watch)));
  if (incident && play.journal) await writeJournal(stage, incident.id, play.journal);
  if (play.keep) await untilInterrupted(stage, watch, terminal, signal);
  return faults;
}

/** The incident as it was recorded: what a later version must still be able to read. */
async function writeJournal(stage: Stage, incident: string, file: string): Promise<void> {
  const { id, key, status, state, journal } = await stage.api.get<IncidentDetail>(
    `/api/incidents/${incident}`,
  );
  const recorded = journal.map((entry) => ({ ...entry, at: Date.parse(entry.at) }));
  await writeFile(file, `${JSON.stringify({ id, key, status, state, journal: recorded }, null, 1)}\n`);
}

/** Projections and messages follow the incident within moments. */
async function settle(stage: Stage): Promise<void> {
  await stage.azure.hooksIdle();
  await stage.telegram.idle();
  let before = -1;
  for (let quiet = 0; quiet < 4; ) {
    const costs = (await stage.api.list<CostRow>('/api/costs')).length;
    const now = costs + stage.telegram.messages().length;
    quiet = now === before ? quiet + 1 : 0;
    before = now;
    await new Promise((next) => setTimeout(next, 300));
  }
}

async function judge(stage: Stage, scenario: Scenario, watch: Watch): Promise<string[]> {
  const incident = watch.incident();
  const costs = await stage.api.list<CostRow>('/api/costs');
  const sum = (pick: (cost: CostRow) => number) => costs.reduce((total, cost) => total + pick(cost), 0);
  const replay = incident
    ? await stage.api.send<{ identical: boolean }>('POST', `/api/incidents/${incident.id}/replay`)
    : { identical: false };
  return findFaults(scenario, {
    status: incident?.status ?? null,
    operatorMessages: stage.telegram
      .messages(CHATS.operator.id)
      .filter(({ fromBot }) => fromBot)
      .map(({ text, history }) => history[0]?.text ?? text),
    replayIdentical: replay.identical,
    tokens: {
      calls: costs.length,
      input: sum((cost) => cost.inputTokens),
      output: sum((cost) => cost.outputTokens),
      cacheRead: sum((cost) => cost.cacheReadTokens),
      cacheWrite: sum((cost) => cost.cacheWrite5mTokens + cost.cacheWrite1hTokens),
    },
    served: stage.anthropic?.usageTotals().total ?? null,
  });
}

async function untilInterrupted(
  stage: Stage,
  watch: Watch,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  printWhereNext(stage, watch.incident(), terminal);
  await new Promise<void>((done) => {
    if (signal.aborted) done();
    signal.addEventListener('abort', () => done(), { once: true });
  });
}
