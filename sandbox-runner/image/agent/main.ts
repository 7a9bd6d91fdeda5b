/**
 * The program of the agent container: asks the gateway for its task, checks the commit out, runs one session,
 * says how it ended. It knows the gateway's address (`DOGWATCH_GATEWAY`) and nothing else of the world.
 */
import { useCompileCache } from './compile-cache.ts';
import { openDoor } from './door.ts';
import { EXIT_CODES } from './task.ts';

const gatewayUrl = process.env.DOGWATCH_GATEWAY;
if (!gatewayUrl) throw new Error('DOGWATCH_GATEWAY is not set');
useCompileCache();
const door = openDoor(gatewayUrl);
const asked = door.get('/dogwatch/task');
asked.catch(() => undefined);
// Loaded after the cache is in use, and while the task is on its way.
const { live } = await import('./live.ts');
const end = await live(gatewayUrl, door, asked);
process.stdout.write(`${end.reason}: ${end.detail}\n`);
await door.post('/dogwatch/ended', JSON.stringify(end)).catch(() => undefined);
process.exit(EXIT_CODES[end.reason]);
