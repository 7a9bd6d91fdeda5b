import type { BackupReader } from './check-backups.ts';
import { loadCloudflareModules } from './cloudflare-in-node.ts';
import { type Faults, faultsOf, NO_FAULTS } from './faults.ts';
import { surround, virtualise } from './globals.ts';
import { Died } from './life.ts';
import { type Product, World, type WorldResult } from './world.ts';

type ObjectClass = Product['classes'][string];

/** Durable Object bindings of wrangler.toml that worlds have, by the class that the entry module exports. */
const BINDINGS: Record<string, string> = {
  INBOX: 'Inbox',
  INCIDENT: 'Incident',
  GROUP_QUEUE: 'GroupQueue',
  RUN: 'Run',
  RUN_POOL: 'RunPool',
  RELAY_POLICY: 'RelayPolicy',
  SCHEDULER: 'Scheduler',
  TELEGRAM: 'Telegram',
};

let product: Product | null = null;
let current: World | null = null;

/** Loads the Worker into this thread, once; from then on its time and chance are those of worlds. */
export async function loadProduct(): Promise<Product> {
  if (product !== null) return product;
  loadCloudflareModules();
  const entry = new URL('../../workers/index.ts', import.meta.url).href;
  const module = (await import(entry)) as Record<string, unknown> & {
    default: Pick<Product, 'fetch' | 'scheduled'>;
  };
  const classes = Object.fromEntries(
    Object.entries(BINDINGS).map(([binding, name]) => [binding, module[name] as ObjectClass]),
  );
  const { fetch, scheduled } = module.default;
  product = { classes, fetch, scheduled, backups: await loadBackups() };
  virtualise();
  process.on('unhandledRejection', (error) => {
    if (error instanceof Died) return;
    if (current === null) throw error;
    current.violate(`nobody handles ${error instanceof Error ? error.stack : String(error)}`);
  });
  return product;
}

async function loadBackups(): Promise<BackupReader> {
  const parts = [
    'durable-objects/shared/backup-restore',
    'workers/backup/read-lines',
    'workers/db/projections',
  ];
  const modules = await Promise.all(
    parts.map((part) => import(new URL(`../../${part}.ts`, import.meta.url).href)),
  );
  return Object.assign({}, ...modules) as BackupReader;
}

export async function runSeed(seed: number, faults: Faults = faultsOf(seed)): Promise<WorldResult> {
  const loaded = await loadProduct();
  current = new World(seed, faults, loaded);
  try {
    return await current.run();
  } catch (error) {
    const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { violations: [`the world broke: ${told}`], trace: [], figures: {} };
  } finally {
    surround(null);
    // Whoever waits for a world that has ended hears of it before its databases are closed.
    await new Promise((resolve) => setImmediate(resolve));
    current.close();
    current = null;
  }
}

/** The fewest kinds of trouble under which the seed still fails. */
export async function shrink(seed: number): Promise<{ faults: Faults; result: WorldResult }> {
  let faults = faultsOf(seed);
  let result = await runSeed(seed, faults);
  for (const name of Object.keys(NO_FAULTS) as (keyof Faults)[]) {
    if (faults[name] === 0) continue;
    const less = { ...faults, [name]: 0 };
    const tried = await runSeed(seed, less);
    if (tried.violations.length > 0) [faults, result] = [less, tried];
  }
  return { faults, result };
}
