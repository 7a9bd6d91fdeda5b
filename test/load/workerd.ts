import { execFile, execFileSync } from 'node:child_process';
import {
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { parse } from 'smol-toml';
import { z } from 'zod';
import { freePort } from '../../scripts/demo/free-port.ts';
import { root } from '../../scripts/dev/worker-process.ts';

/** Of `wrangler.toml`: what a Worker is bound to. */
const configSchema = z.object({
  name: z.string(),
  compatibility_date: z.string(),
  compatibility_flags: z.array(z.string()).default([]),
  d1_databases: z.array(z.object({ binding: z.string() })).default([]),
  r2_buckets: z.array(z.object({ binding: z.string() })).default([]),
  durable_objects: z
    .object({ bindings: z.array(z.object({ name: z.string(), class_name: z.string() })) })
    .default({ bindings: [] }),
});
export type WorkerConfig = z.infer<typeof configSchema>;

export interface Bundle {
  dir: string;
  /** Its one module, in `dir`. */
  main: string;
  config: WorkerConfig;
  remove(): void;
}

/** The Worker as a deploy would upload it. */
export async function bundleWorker(configPath = join(root, 'wrangler.toml')): Promise<Bundle> {
  const dir = mkdtempSync(join(tmpdir(), 'dogwatch-bundle-'));
  const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js');
  const told = ['deploy', '--dry-run', '--outdir', dir, '--config', configPath];
  await promisify(execFile)(process.execPath, [wrangler, ...told], {
    cwd: root,
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: '1', NO_COLOR: '1' },
  });
  const config = configSchema.parse(parse(readFileSync(configPath, 'utf8')));
  const main = readdirSync(dir).find((name) => name.endsWith('.js'));
  if (main === undefined) throw new Error('wrangler made no bundle');
  return { dir, main, config, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

type D1 = Awaited<ReturnType<Miniflare['getD1Database']>>;

export interface WorkerdOptions {
  bundle: Bundle;
  /** Where objects, D1 and R2 lie; it outlives the process. */
  stateDir: string;
  settings: Record<string, string>;
  /** For `heapMb`, and for a profiler. */
  inspectorPort?: number;
}

/**
 * One Worker in workerd itself, without the proxy of `wrangler dev`: state on disk, killed and started again in
 * less than a second.
 */
export class Workerd {
  /** workerd's own socket. */
  readonly url: string;
  readonly #entryPort: number;
  readonly #port: number;
  readonly #options: WorkerdOptions;
  readonly #log: NodeJS.WritableStream;
  #running: { miniflare: Miniflare; pid: number } | null = null;
  /** Errors that the Worker logged. */
  loggedErrors = 0;

  static async open(options: WorkerdOptions): Promise<Workerd> {
    const worker = new Workerd(options, await freePort(), await freePort());
    await worker.start();
    await worker.#migrate();
    return worker;
  }

  private constructor(options: WorkerdOptions, port: number, entryPort: number) {
    this.#options = options;
    this.#port = port;
    this.#entryPort = entryPort;
    this.url = `http://127.0.0.1:${port}`;
    mkdirSync(options.stateDir, { recursive: true });
    this.#log = createWriteStream(join(options.stateDir, 'worker.log'), { flags: 'a' });
  }

  async start(): Promise<void> {
    const before = new Set(childrenNamedWorkerd());
    const { bundle, stateDir, settings, inspectorPort } = this.#options;
    const { config } = bundle;
    const miniflare = new Miniflare(
      convertV4MiniflareOptions({
        name: config.name,
        modulesRoot: bundle.dir,
        modules: [{ type: 'ESModule', path: join(bundle.dir, bundle.main) }],
        compatibilityDate: config.compatibility_date,
        compatibilityFlags: config.compatibility_flags,
        d1Databases: Object.fromEntries(config.d1_databases.map(({ binding }) => [binding, binding])),
        r2Buckets: Object.fromEntries(config.r2_buckets.map(({ binding }) => [binding, binding])),
        durableObjects: Object.fromEntries(
          config.durable_objects.bindings.map(({ name, class_name }) => [
            name,
            { className: class_name, useSQLite: true },
          ]),
        ),
        bindings: { PUBLIC_URL: this.url, ...settings },
        resourcePersistencePath: stateDir,
        host: '127.0.0.1',
        port: this.#entryPort,
        unsafeDirectSockets: [{ host: '127.0.0.1', port: this.#port }],
        unsafeTriggerHandlers: true,
        cf: false,
        ...(inspectorPort === undefined ? {} : { inspectorPort }),
        handleStructuredLogs: ({ level, message }) => {
          if (level === 'error') this.loggedErrors += 1;
          this.#log.write(`${new Date().toISOString()} ${level} ${message}\n`);
        },
      }),
    );
    await miniflare.ready;
    const pid = childrenNamedWorkerd().find((one) => !before.has(one));
    if (pid === undefined) throw new Error('no workerd was started');
    this.#running = { miniflare, pid };
  }

  /** As a machine dies: SIGKILL, no word to anybody. Nothing answers until `start`. */
  async kill(): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    this.#running = null;
    process.kill(running.pid, 'SIGKILL');
    await running.miniflare.dispose();
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    await running?.miniflare.dispose();
    await new Promise<void>((done) => this.#log.end(done));
  }

  /** The cron handler. */
  async tick(atMs: number): Promise<void> {
    const query = `cron=${encodeURIComponent('* * * * *')}&time=${atMs}`;
    const url = `http://127.0.0.1:${this.#entryPort}/cdn-cgi/handler/scheduled?${query}`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(60_000) });
    await answer.arrayBuffer();
  }

  get pid(): number | null {
    return this.#running?.pid ?? null;
  }

  async database(): Promise<D1> {
    if (this.#running === null) throw new Error('the Worker is not running');
    return this.#running.miniflare.getD1Database('DB');
  }

  async rows<Row>(query: string, ...bindings: unknown[]): Promise<Row[]> {
    const statement = (await this.database()).prepare(query).bind(...bindings);
    return (await statement.all<Row>()).results;
  }

  /** What the Worker and its objects hold after a collection: what Cloudflare's 128 MB are about. */
  async heapMb(): Promise<number> {
    const port = this.#options.inspectorPort;
    const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as {
      webSocketDebuggerUrl: string;
    }[];
    const own = targets.find((one) => one.webSocketDebuggerUrl.includes(this.#options.bundle.config.name));
    if (!own) throw new Error('the Worker has no inspector');
    const socket = new WebSocket(own.webSocketDebuggerUrl);
    await new Promise((open) => socket.addEventListener('open', open, { once: true }));
    const ask = (id: number, method: string) =>
      new Promise<{ usedSize: number }>((resolve) => {
        socket.addEventListener('message', ({ data }) => {
          const answer = JSON.parse(String(data)) as { id?: number; result: { usedSize: number } };
          if (answer.id === id) resolve(answer.result);
        });
        socket.send(JSON.stringify({ id, method }));
      });
    await ask(1, 'HeapProfiler.collectGarbage');
    const { usedSize } = await ask(2, 'Runtime.getHeapUsage');
    socket.close();
    return Math.round(usedSize / 1_000_000);
  }

  /** Resident memory of workerd. */
  residentMb(): number {
    const { pid } = this.#running ?? {};
    if (pid === undefined) return Number.NaN;
    const kilobytes = execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
    return Math.round(Number(kilobytes) / 1_024);
  }

  /** Objects in memory: each has its database open. Linux only. */
  openObjects(): number {
    const { pid } = this.#running ?? {};
    if (pid === undefined) return Number.NaN;
    const folder = `/proc/${pid}/fd`;
    const targets = readdirSync(folder).map((fd) => {
      try {
        return readlinkSync(join(folder, fd));
      } catch {
        return '';
      }
    });
    return targets.filter((target) => target.endsWith('.sqlite')).length;
  }

  async #migrate(): Promise<void> {
    if (this.#options.bundle.config.d1_databases.length === 0) return;
    const database = await this.database();
    for (const statements of d1Migrations())
      await database.batch(statements.map((statement) => database.prepare(statement)));
  }
}

/** `migrations/`, in order, each as its statements. */
export function d1Migrations(): string[][] {
  const folder = join(root, 'migrations');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) =>
      readFileSync(join(folder, name), 'utf8')
        .split('--> statement-breakpoint')
        .map((statement) => statement.trim()),
    );
}

function childrenNamedWorkerd(): number[] {
  const processes = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,comm='], { encoding: 'utf8' });
  return processes
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, name]) => parent === String(process.pid) && name?.includes('workerd'))
    .map(([pid]) => Number(pid));
}
