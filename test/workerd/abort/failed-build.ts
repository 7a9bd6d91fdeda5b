import { fixResult } from '../../../durable-objects/test/specs.ts';
import { incidentIdOf } from '../../../workers/routing/event-ids.ts';
import type { Course, Round } from './play.ts';
import { fixIntent, type Runner } from './runner.ts';
import { viewOf, type World } from './world.ts';

/** A failed build that no runner is there for: judged, handed on, and given back to the operator. */
export const withoutRunner = (world: World): Course => ({
  name: 'a failed build without a runner',
  world,
  goesOn: true,
  round(n): Round {
    const ref = `refs/heads/branch-${n}`;
    return {
      begin(senders) {
        senders.tell(world.build({ ref }));
      },
      act: () => {},
      isOver: async () => (await statusOf(1, ref)) === 'escalated',
      outcome: async () => ({ status: await statusOf(1, ref) }),
    };
  },
});

/** A failed build of the default branch: mended by an agent, pushed, approved, merged, and green. */
export const mended = (world: World, runner: Runner): Course => ({
  name: 'a failed build that is mended',
  world,
  round(definition): Round {
    let step: 'broken' | 'asked' | 'merged' = 'broken';
    return {
      begin(senders) {
        runner.forget();
        runner.onSession = (session) => {
          session.tell(fixIntent(session.request));
          session.end(fixResult);
        };
        senders.tell(world.build({ definition }));
      },
      act(senders) {
        runner.act(senders);
        const [pullRequest] = world.pullRequests;
        const [approve] = world.buttons;
        if (step === 'broken' && pullRequest && approve) {
          step = 'asked';
          const { commitId: commit } = pullRequest.lastMergeSourceCommit;
          const ref = `refs/pull/${pullRequest.pullRequestId}/merge`;
          const triggerInfo = { 'pr.sourceSha': commit };
          senders.tell(
            world.build({ definition, ref, commit: 'd'.repeat(40), result: 'succeeded', triggerInfo }),
          );
          senders.tell(world.press(approve));
        }
        if (step === 'asked' && pullRequest?.status === 'completed') {
          step = 'merged';
          senders.tell(world.tellPullRequest(pullRequest));
          const { commitId: commit } = pullRequest.lastMergeCommit;
          senders.tell(world.build({ definition, commit, result: 'succeeded' }));
        }
      },
      isOver: async () => (await statusOf(definition, 'refs/heads/main')) === 'resolved',
      outcome: async () => ({ status: await statusOf(definition, 'refs/heads/main'), step }),
    };
  },
});

async function statusOf(definition: number, ref: string): Promise<string> {
  const view = await viewOf(incidentIdOf(`azure-devops/demo/shop/${definition}/${ref}`));
  return view?.status ?? 'none';
}
