import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatTable, passed, type Row, summaryLine } from './attack/attack.ts';
import { docker } from './attack/docker-command.ts';
import { floodGateway } from './attack/flood-attacks.ts';
import { gatewayAttacks } from './attack/gateway-attacks.ts';
import { attackByGit } from './attack/git-attacks.ts';
import { hostAddresses, linkLocalBeside, openHostListeners } from './attack/host-listeners.ts';
import { floodLog, killRunner, outliveRun, startRootProcess, takeResources } from './attack/life-attacks.ts';
import { machineAttacks } from './attack/machine-attacks.ts';
import { networkAttacks } from './attack/network-attacks.ts';
import { playAttacks } from './attack/play.ts';
import { ensureTools } from './attack/prerequisites.ts';
import { attackSecrets } from './attack/secret-attacks.ts';
import { type Stage, setStage } from './attack/stage.ts';
import { acquireDockerEngine } from './demo/docker-engine.ts';
import { exitWhenWritten } from './exit-when-written.ts';
import { readOptions } from './options.ts';

/**
 * `npm run attack [-- --verbose]`: every attack we know of, against cells of the real backend, each with a control
 * that proves the probe. Ends with 1 when anything leaks or a control is dead.
 */
const { verbose } = readOptions('npm run attack -- [--verbose]', {
  verbose: { type: 'boolean', default: false },
});
const startedAt = performance.now();
const progress = (line: string) => console.error(`… ${line}`);

async function attackNetwork(stage: Stage): Promise<Row[]> {
  const [cell, other] = stage.cells;
  const listeners = await openHostListeners();
  try {
    const listener = 7_777;
    await docker(
      ...['exec', '--detach', other.container, 'node', '-e'],
      `require('net').createServer((s) => s.end('another run')).listen(${listener}, '0.0.0.0')`,
    );
    return await playAttacks(
      stage,
      networkAttacks({
        marker: stage.outside.marker,
        gateway: cell.gateway,
        hostListener: listeners.port,
        hostAddresses: hostAddresses(),
        hostLinkLocal: linkLocalBeside(cell.gateway.host),
        hostResolverPort: listeners.resolverPort,
        other: { host: other.address, listener, gateway: other.gateway },
      }),
    );
  } finally {
    await listeners.close();
  }
}

async function attackAll(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'dogwatch-attack-'));
  const engine = await acquireDockerEngine(folder, progress);
  let stage: Stage | null = null;
  try {
    stage = await setStage(folder, progress);
    progress('attacking the network');
    const rows = await attackNetwork(stage);
    progress('attacking the gateway');
    const [{ gateway }] = stage.cells;
    const scene = { marker: stage.outside.marker, gateway, commit: stage.commit };
    rows.push(...(await playAttacks(stage, gatewayAttacks(scene))));
    rows.push(...(await floodGateway(stage)));
    progress('attacking the machine');
    await startRootProcess(stage.cells[0].container);
    rows.push(...(await playAttacks(stage, machineAttacks())));
    rows.push(...(await attackByGit(stage)));
    rows.push(await floodLog(stage));
    rows.push(...(await outliveRun(stage)));
    rows.push(await killRunner(stage));
    rows.push(...(await takeResources(stage)));
    progress('looking for secrets');
    rows.push(...(await attackSecrets(stage)));
    return rows;
  } finally {
    await stage?.close();
    await engine.release();
    await rm(folder, { recursive: true, force: true });
  }
}

await ensureTools(progress);
const rows = await attackAll();
for (const line of formatTable(rows, verbose)) console.log(line);
const seconds = Math.round((performance.now() - startedAt) / 1_000);
console.log(`\n${rows.length} attacks in ${seconds} s`);
console.log(summaryLine(rows));
await exitWhenWritten(rows.length > 0 && rows.every(passed) ? 0 : 1);
