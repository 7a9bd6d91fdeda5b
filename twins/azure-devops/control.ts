/** The control doors under `/__twin/` beyond those that every twin has. */
import { jsonReply, type TwinReply, type TwinRequest } from '../shared/twin-server.ts';
import { AzureError } from './errors.ts';
import { GitError } from './git.ts';
import type { Hooks } from './hooks.ts';
import type { AzureDevopsTwin, HookOptions } from './options.ts';
import type { NewChange } from './repositories.ts';

type Doors = Pick<AzureDevopsTwin, 'commit' | 'queueBuild' | 'setCiEnv' | 'subscribe'> & { hooks: Hooks };

export async function answerControl(doors: Doors, request: TwinRequest): Promise<TwinReply> {
  switch (`${request.method} ${request.path}`) {
    case 'GET /__twin/deliveries':
      return jsonReply(200, doors.hooks.deliveries);
    case 'POST /__twin/commits':
      return refusing(async () => ({ commitId: await doors.commit((await request.json()) as NewChange) }));
    case 'POST /__twin/builds': {
      const body = (await request.json()) as { definitionId: number; branch: string };
      return refusing(async () => ({ buildId: await doors.queueBuild(body.definitionId, body.branch) }));
    }
    case 'POST /__twin/redeliver': {
      const body = (await request.json()) as { notificationId: number; subscriptionId?: string };
      const status = await doors.hooks.redeliver(body.notificationId, body.subscriptionId);
      return status === undefined
        ? jsonReply(404, { error: 'no such notification' })
        : jsonReply(200, { status });
    }
    case 'POST /__twin/subscribe':
      doors.subscribe((await request.json()) as HookOptions);
      return jsonReply(201, doors.hooks.subscriptions);
    case 'POST /__twin/ci-env':
      doors.setCiEnv((await request.json()) as Record<string, string>);
      return jsonReply(200, { ok: true });
    default:
      return jsonReply(404, { error: 'no such door' });
  }
}

/** 422 where the repository does not allow it: a patch that does not fit, a name nobody has. */
async function refusing(work: () => Promise<unknown>): Promise<TwinReply> {
  try {
    return jsonReply(201, await work());
  } catch (error) {
    if (error instanceof GitError || error instanceof AzureError) {
      return jsonReply(422, { error: error.message });
    }
    throw error;
  }
}
