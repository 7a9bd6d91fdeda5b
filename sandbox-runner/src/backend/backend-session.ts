import { join } from 'node:path';
import { EMPTY_COMMIT } from '../../image/agent/empty-workspace.ts';
import type { AgentEnd, AgentTask } from '../../image/agent/task.ts';
import { type Gateway, type GatewaySettings, openGateway } from '../gateway/gateway.ts';
import { lockedPackages } from '../gateway/npm-lock.ts';
import { readLocks } from '../gateway/repository-locks.ts';
import { unknownRoutes } from '../gateway/routes.ts';
import { openRunDoors, type RunDoors } from '../gateway/run-doors.ts';
import type { CommandSpec, SandboxEnd, SandboxHandlers, SandboxSpec } from './sandbox.ts';

/** The runner's side of one agent session, wherever the agent runs. */
export interface Session {
  gateway: Gateway;
  doors: RunDoors;
  isBudgetSpent(): boolean;
  /** Resolves when the spend has reached the budget; else never. */
  budgetSpent: Promise<void>;
  close(): Promise<void>;
}

function workspaceOf({ workspace }: SandboxSpec, folder: string): AgentTask['workspace'] {
  if (workspace === null) return { folder, commit: EMPTY_COMMIT, source: null };
  const { commit, ...source } = workspace;
  return { folder, commit, source };
}

export function taskOf(spec: SandboxSpec, folder: string, auxiliaryModel: string): AgentTask {
  return {
    run: spec.run,
    charter: spec.charter,
    prompt: spec.prompt,
    model: spec.model,
    auxiliaryModel,
    limits: { maxTurns: spec.maxTurns, budgetUsd: spec.budgetUsd },
    workspace: workspaceOf(spec, folder),
    identity: spec.identity,
    tools: spec.tools,
    result: spec.result,
    checkpoint: checkpointOf(spec),
  };
}

/** The runner's credentials, by the names that agents' files and run requests use, and where each stands. */
const CREDENTIALS = {
  anthropic: 'anthropicApiKey',
  'azure-devops-code': 'azureDevopsPat',
  'azure-devops-build-read': 'azureDevopsBuildPat',
  github: 'githubToken',
  dozzle: 'dozzleAuthorization',
} as const satisfies Record<string, keyof GatewaySettings>;

/** A run asks for what this runner does not know. Told before anything is started. */
export class UnknownRequestError extends Error {
  override name = 'UnknownRequestError';
}

/** Throws when a route or a credential is not one of those that exist. */
export function checkRequested(spec: Pick<SandboxSpec, 'routes' | 'credentials'>): void {
  const [route] = unknownRoutes(spec.routes);
  if (route !== undefined)
    throw new UnknownRequestError(`The gateway has no route "${route.slice(0, 100)}".`);
  const credential = spec.credentials.find((name) => !Object.hasOwn(CREDENTIALS, name));
  if (credential !== undefined) {
    throw new UnknownRequestError(`This runner has no credential "${credential.slice(0, 100)}".`);
  }
}

/** The settings with only those secrets that the run names. */
export function settingsFor(settings: GatewaySettings, credentials: readonly string[]): GatewaySettings {
  const own = { ...settings };
  for (const [name, field] of Object.entries(CREDENTIALS)) {
    if (!credentials.includes(name)) own[field] = null;
  }
  return own;
}

/** Asks once, and again after a failure: the mirror may be out of reach for a moment. */
function onceGood<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | null = null;
  return () => {
    answer ??= ask();
    answer.catch(() => {
      answer = null;
    });
    return answer;
  };
}

function checkpointOf({ checkpoint }: SandboxSpec): AgentTask['checkpoint'] {
  if (!checkpoint) return null;
  const { head, uncommitted, bundle } = checkpoint;
  return { head, uncommitted, bundle: bundle === null ? null : Buffer.from(bundle).toString('base64') };
}

/** `host` is the address that only this run's container can reach. */
export async function openSession(
  spec: SandboxSpec,
  handlers: SandboxHandlers,
  place: {
    host: string;
    port?: number;
    stateDir: string;
    workspaceFolder: string;
    log: (line: string) => void;
  },
  settings: GatewaySettings,
): Promise<Session> {
  checkRequested(spec);
  const { workspace } = spec;
  const folder = join(place.stateDir, `${spec.run}.${spec.fence}`);
  const task = taskOf(spec, place.workspaceFolder, settings.auxiliaryModel);
  const doors = await openRunDoors(folder, task, handlers);
  const spent = Promise.withResolvers<void>();
  let isBudgetSpent = false;
  const gateway = await openGateway(
    place.host,
    settingsFor(settings, spec.credentials),
    {
      routes: spec.routes,
      repository: workspace && { project: workspace.project, repository: workspace.repository },
      tools: spec.tools,
      model: spec.model,
      budgetUsd: spec.budgetUsd,
      doors,
      locked: onceGood(async () =>
        lockedPackages(workspace === null ? [] : await readLocks(await spec.mirror(), workspace.commit)),
      ),
      onUsage: handlers.onUsage,
      ...(handlers.mayCall ? { mayCall: () => handlers.mayCall?.() ?? Promise.resolve(true) } : {}),
      spentMicroUsd: spec.spentMicroUsd ?? 0,
      port: place.port ?? 0,
      onBudgetSpent: () => {
        isBudgetSpent = true;
        spent.resolve();
      },
    },
    place.log,
  );
  return {
    gateway,
    doors,
    isBudgetSpent: () => isBudgetSpent,
    budgetSpent: spent.promise,
    async close() {
      await gateway.close();
      await doors.close();
    },
  };
}

/** The gateway of a proof: what the lock files of the proved tree name in the package registry, nothing else. */
export async function openProofGateway(
  host: string,
  tree: Pick<CommandSpec, 'repository' | 'commit' | 'overlay'>,
  settings: GatewaySettings,
  log: (line: string) => void,
): Promise<{ gateway: Gateway; close: () => Promise<void> }> {
  const gateway = await openGateway(
    host,
    settingsFor(settings, []),
    {
      routes: ['npm'],
      repository: null,
      tools: null,
      model: null,
      budgetUsd: 0,
      doors: null,
      locked: onceGood(async () =>
        lockedPackages(await readLocks(tree.repository, tree.commit, tree.overlay)),
      ),
      onUsage: () => undefined,
      onBudgetSpent: () => undefined,
    },
    log,
  );
  return { gateway, close: gateway.close };
}

export interface EndFacts {
  killedAs: 'canceled' | 'timeout' | null;
  budgetSpent: boolean;
  exitCode: number;
  outOfMemory: boolean;
  /** The engine no longer answers. */
  placeGone: boolean;
  /** What the agent program said of its end. */
  said: AgentEnd | null;
  logTail: string;
}

/** Why a session ended: what the runner knows for itself goes before what the container says. */
export function decideEnd(facts: EndFacts): { reason: SandboxEnd['reason']; detail: string } {
  if (facts.killedAs === 'canceled') return { reason: 'canceled', detail: 'Stopped by the runner.' };
  if (facts.killedAs === 'timeout')
    return { reason: 'timeout', detail: 'The wall clock of the session ran out.' };
  if (facts.placeGone && facts.said === null)
    return { reason: 'interrupted', detail: 'The engine went away, and the session with it.' };
  // The engine sets the flag also when only a child was killed and the session went on.
  if (facts.outOfMemory && facts.said?.reason !== 'completed') {
    return { reason: 'out_of_memory', detail: 'The container used all the memory it has.' };
  }
  if (facts.budgetSpent) return { reason: 'budget', detail: 'The budget of the run is spent.' };
  if (facts.said) return { reason: facts.said.reason, detail: facts.said.detail };
  return {
    reason: 'crashed',
    detail: `The agent program ended with ${facts.exitCode}.\n${facts.logTail}`.trim(),
  };
}
