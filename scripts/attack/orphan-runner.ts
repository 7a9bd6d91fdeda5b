import { text } from 'node:stream/consumers';
import { type BackendSettings, newBackend, newSpec, quietHandlers } from './cell-spec.ts';

/** A runner that starts one cell, names its container, and waits to be killed. Settings come on stdin. */
const settings = JSON.parse(await text(process.stdin)) as {
  backend: BackendSettings;
  commit: string;
};
const backend = newBackend(settings.backend, () => undefined);
const sandbox = await backend.start(
  newSpec(`run_orphan_${process.pid}`, settings.commit, async () => ''),
  quietHandlers,
);
process.stdout.write(`${sandbox.container}\n`);
await sandbox.ended;
