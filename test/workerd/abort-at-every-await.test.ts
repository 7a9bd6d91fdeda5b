import { beforeAll, test } from 'vitest';
import { migrateDatabase } from '../../workers/test/database.ts';
import { asTest, deployWith } from './abort/awaits.ts';
import { forget, outOfMemory, silence } from './abort/ends.ts';
import { dispatch, hostCommand } from './abort/errands.ts';
import { mended, withoutRunner } from './abort/failed-build.ts';
import { loseEach } from './abort/lose.ts';
import { setUp } from './abort/play.ts';
import { Runner } from './abort/runner.ts';
import { pauseOthers, schedule } from './abort/schedule.ts';
import { chat, request, stop } from './abort/talk.ts';
import { World } from './abort/world.ts';

/**
 * Things go their whole way through real objects. Each course is played undisturbed, and then once for each time that
 * anything waits for an answer (of a service, of another object, of D1 or R2): there the answer is lost, or nothing is
 * asked any more, and who waits is torn down by itself, or who was asked, or every object; or who waits is evicted while its
 * answer comes. In the end all must be as if nothing had happened: the same facts, texts and deeds outside, each once, nothing left to do, and all chains whole.
 *
 * By default each sort of await (who waits, and for what) is lost in some course, in two ways. `EVERY_ABORT=1` loses each single
 * await of each course in each of the five ways, which takes well over an hour.
 */

const TIMEOUT_MS = 7_200_000;

let world: World;
let runner: Runner;

beforeAll(async () => {
  await migrateDatabase();
  world = new World();
  runner = await Runner.open(world);
  await setUp();
  await asTest(pauseOthers);
});

test('a failed build without a runner', () => loseEach(withoutRunner(world)), TIMEOUT_MS);

test(
  'a failed build that is mended, approved and merged',
  () => {
    deployWith(runner.settings);
    return loseEach(mended(world, runner));
  },
  TIMEOUT_MS,
);

test(
  'a chat: an order, a word to its session, two that wait, and one of them canceled',
  () => {
    deployWith(runner.settings);
    return loseEach(chat(world, runner));
  },
  TIMEOUT_MS,
);

test(
  'an agent that is cut for repeating itself, and whose request a person permits',
  () => {
    deployWith(runner.settings);
    return loseEach(request(world, runner));
  },
  TIMEOUT_MS,
);

test(
  'a session that is stopped, and goes on',
  () => {
    deployWith(runner.settings);
    return loseEach(stop(world, runner));
  },
  TIMEOUT_MS,
);

test(
  'a due time of two schedules',
  () => {
    deployWith(runner.settings);
    return loseEach(schedule(world, runner));
  },
  TIMEOUT_MS,
);

test(
  'a task that an agent dispatches, and its answer',
  () => {
    deployWith(runner.settings);
    return loseEach(dispatch(world, runner));
  },
  TIMEOUT_MS,
);

test(
  'a command on a host that a person permits',
  () => {
    deployWith(runner.settings);
    return loseEach(hostCommand(world, runner));
  },
  TIMEOUT_MS,
);

test(
  'a runner that falls silent in a session',
  () => {
    deployWith(runner.settings);
    return loseEach(silence(world, runner));
  },
  TIMEOUT_MS,
);

test(
  'a session that runs out of memory, and is done once more',
  () => {
    deployWith(runner.settings);
    return loseEach(outOfMemory(world, runner));
  },
  TIMEOUT_MS,
);

test(
  'a text of a person that is deleted',
  () => {
    deployWith(runner.settings);
    return loseEach(forget(world, runner));
  },
  TIMEOUT_MS,
);
