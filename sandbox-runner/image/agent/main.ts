/**
 * The program of the agent container: asks the gateway for its task, checks the commit out, runs one session,
 * says how it ended. It knows the gateway's address (`DOGWATCH_GATEWAY`) and nothing else of the world.
 */
import { checkout } from './checkout.ts';
import { type Door, openDoor } from './door.ts';
import { runSession } from './session.ts';
import { type AgentEnd, type AgentTask, EXIT_CODES } from './task.ts';

async function live(gatewayUrl: string, door: Door): Promise<AgentEnd> {
  let task: AgentTask;
  try {
    task = JSON.parse(await door.get('/dogwatch/task')) as AgentTask;
    await checkout(task, gatewayUrl);
  } catch (error) {
    return { reason: 'start_failed', detail: String(error).slice(0, 2_000), turns: 0 };
  }
  return runSession(task, gatewayUrl, door, process.env);
}

const gatewayUrl = process.env.DOGWATCH_GATEWAY;
if (!gatewayUrl) throw new Error('DOGWATCH_GATEWAY is not set');
const door = openDoor(gatewayUrl);
const end = await live(gatewayUrl, door);
process.stdout.write(`${end.reason}: ${end.detail}\n`);
await door.post('/dogwatch/ended', JSON.stringify(end)).catch(() => undefined);
process.exit(EXIT_CODES[end.reason]);
