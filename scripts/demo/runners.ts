import { join } from 'node:path';
import { generateKeyPair, type KeyPair } from '../../wire/keys.ts';
import { freePort } from './free-port.ts';
import { type RunnerProcess, startRunner } from './runner-process.ts';

/** A runner of the stage: it has a name and an address before it runs, for the Worker must know both. */
export interface DemoRunner {
  name: string;
  url: string;
  keys: KeyPair;
  start(): Promise<void>;
  /** As when the machine loses power: nothing is tidied up. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface RunnersOptions {
  count: number;
  /** Their states and logs go here. */
  dir: string;
  logDir: string;
  signal: AbortSignal;
  progress: (line: string) => void;
}

/** `environment`: of every runner, besides its own name, port, key and state. */
export async function prepareRunners(
  { count, dir, logDir, signal, progress }: RunnersOptions,
  environment: () => Record<string, string>,
): Promise<DemoRunner[]> {
  const runners: DemoRunner[] = [];
  for (let n = 1; n <= count; n++) {
    const name = count === 1 ? `demo-${process.pid}` : `demo-${process.pid}-${n}`;
    const port = await freePort();
    const keys = await generateKeyPair(name);
    let running: RunnerProcess | null = null;
    runners.push({
      name,
      url: `http://127.0.0.1:${port}`,
      keys,
      async start() {
        running = await startRunner({
          name,
          logDir,
          signal,
          progress,
          environment: {
            RUNNER_NAME: name,
            RUNNER_PORT: String(port),
            RUNNER_STATE_DIR: join(dir, count === 1 ? 'runner' : `runner-${n}`),
            RUNNER_SIGNING_KEY: JSON.stringify(keys.signingKey),
            ...environment(),
          },
        });
      },
      kill: async () => running?.kill(),
      stop: async () => running?.stop(),
    });
  }
  return runners;
}
