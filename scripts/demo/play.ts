import { createServer } from 'node:http';
import { createActors, until } from './actors.ts';
import type { DemoArguments } from './arguments.ts';
import { CHATS } from './chats.ts';
import { findFaults } from './check-outcome.ts';
import { scenarios } from './scenarios/index.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { checkPatch, defectFile, prepareRepository } from './source-repository.ts';
import { openStage, type Stage } from './stage.ts';
import { type CostRow, printSummary, printWhereNext } from './summary.ts';
import type { Terminal } from './terminal.ts';
import { type Watch, watchStage } from './watch.ts';

const BASELINE_TIMEOUT_MS = 5 * 60_000;
const TWIN_TIMEOUT_MS = 10 * 60_000;
const REAL_TIMEOUT_MS = 45 * 60_000;

/** Plays one scenario from an empty stage to its end. Gives the faults found; throws when it could not be played. */
export async function playDemo(wanted: DemoArguments, terminal: Terminal): Promise<string[]> {
  const scenario = scenarios[wanted.scenario];
  terminal.title(scenario.title);
  const patch = wanted.defect ?? defectFile(scenario.defect);
  const repository = await prepareRepository(wanted.repo);
  const carrier = wanted.scenario === 'environment' ? await openCarrier() : null;
  try {
    await checkPatch(repository.dir, patch);
    const stage = await openStage({
      repository,
      docker: wanted.docker,
      model: wanted.model,
      ciEnv: carrier ? { CARRIER_URL: carrier.url } : {},
      terminal,
    });
    let keepState = true;
    try {
      const timeoutMs = wanted.model === 'real' ? REAL_TIMEOUT_MS : TWIN_TIMEOUT_MS;
      await untilBaselineIsGreen(stage, terminal);
      carrier?.close();
      const faults = await playScenario({ stage, scenario, patch, terminal, timeoutMs, keep: wanted.keep });
      keepState = faults.length > 0;
      if (keepState) terminal.line('setup', `logs and state are kept beside ${stage.logDir}`);
      return faults;
    } finally {
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

async function untilBaselineIsGreen(stage: Stage, terminal: Terminal): Promise<void> {
  terminal.line('setup', 'building the repository as it is, so that there is a last green commit');
  await stage.azure.queueBuild(1, 'main');
  const [build] = await until(
    'the end of the first build',
    () => (stage.azure.builds()[0]?.result ? stage.azure.builds() : undefined),
    { timeoutMs: BASELINE_TIMEOUT_MS },
  );
  await stage.azure.hooksIdle();
  if (build?.result === 'succeeded') return;
  const log = build ? stage.azure.buildLog(build.id).split('\n').slice(-30).join('\n') : '';
  throw new Error(`the repository is not green before the defect:\n${log}`);
}

async function playScenario(play: {
  stage: Stage;
  scenario: Scenario;
  patch: string;
  terminal: Terminal;
  timeoutMs: number;
  keep: boolean;
}): Promise<string[]> {
  const { stage, scenario, patch, terminal, timeoutMs } = play;
  terminal.startClock();
  const watch = watchStage(stage, terminal);
  try {
    const actors = createActors(stage, terminal, timeoutMs, watch.over);
    const branch = scenario.branch;
    await actors.developer.pushes(patch, branch);
    await scenario.play(actors);
    await until('the end of the incident', () => watch.over() ?? undefined, { timeoutMs });
    await settle(stage);
  } catch (error) {
    await watch.stop();
    if (play.keep) await untilInterrupted(stage, watch, terminal);
    throw error;
  }
  await watch.stop();
  const seconds = (terminal.elapsedMs() / 1_000).toFixed(1);
  const incident = watch.incident();
  if (incident) await printSummary(stage, incident, terminal);
  terminal.title(
    `${scenario.expectedStatus === incident?.status ? 'Done' : 'Ended'} after ${seconds} s: ${incident?.status}`,
  );
  const faults = await judge(stage, scenario, watch);
  if (play.keep) await untilInterrupted(stage, watch, terminal);
  return faults;
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

async function untilInterrupted(stage: Stage, watch: Watch, terminal: Terminal): Promise<void> {
  printWhereNext(stage, watch.incident(), terminal);
  await new Promise<void>((done) => process.once('SIGINT', () => done()));
}
