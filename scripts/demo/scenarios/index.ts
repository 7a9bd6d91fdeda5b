import type { ScenarioName } from './names.ts';
import { SAYS, type Scenario } from './scenario.ts';

const {
  detected,
  prReady,
  fixPushed,
  restarting,
  resolved,
  explained,
  escalated,
  asksFor,
  hooksOff,
  hooksOn,
} = SAYS;

const PIPELINE = { loop: 'pipeline-recovery', host: null, runners: 1 } as const;

export const scenarios: Record<ScenarioName, Scenario> = {
  main: {
    title: 'A failing test on the default branch: pull request, approval, merge, verified',
    defect: 'main',
    branch: 'main',
    ...PIPELINE,
    expectedStatus: 'resolved',
    expectedMessages: [detected, prReady, resolved],
    async play({ operator }) {
      await operator.approvesNext();
    },
  },
  branch: {
    title: 'A failing test on a feature branch: fixed on the branch itself',
    defect: 'branch',
    branch: 'feature/promo-dates',
    ...PIPELINE,
    expectedStatus: 'resolved',
    expectedMessages: [detected, fixPushed, resolved],
    async play() {},
  },
  restart: {
    title: 'The first fix does not hold: a second failure hides behind the first',
    defect: 'restart',
    branch: 'main',
    ...PIPELINE,
    expectedStatus: 'resolved',
    expectedMessages: [detected, prReady, restarting, prReady, resolved],
    async play({ operator, untilMessage }) {
      await untilMessage(restarting);
      await operator.approvesNext();
    },
  },
  escalate: {
    title: 'The same step fails in three builds: the operator gets the whole history',
    defect: 'escalate-1',
    branch: 'main',
    ...PIPELINE,
    expectedStatus: 'escalated',
    expectedMessages: [detected, prReady, escalated],
    async play({ operator, developer, untilMessage, untilBuild }) {
      await untilMessage(prReady);
      await untilBuild(
        'the green build of the pull request',
        ({ reason, result }) => reason === 'pullRequest' && result === 'succeeded',
      );
      const commit = await developer.pushes('escalate-2', 'main');
      await untilBuild(
        'the failed build of the second commit',
        (build) => build.sourceVersion === commit && build.result === 'failed',
      );
      await operator.approvesNext();
    },
  },
  environment: {
    title: 'An outside service is down: explained, and nothing is "fixed"',
    defect: 'environment',
    branch: 'main',
    ...PIPELINE,
    expectedStatus: 'explained',
    expectedMessages: [detected, explained],
    async play() {},
  },
  lint: {
    title: 'A lint failure: no test can be added, the failed command is the proof',
    defect: 'lint',
    branch: 'main',
    ...PIPELINE,
    expectedStatus: 'resolved',
    expectedMessages: [detected, prReady, resolved],
    async play({ operator }) {
      await operator.approvesNext();
    },
  },
  steer: {
    title: 'Messages to Cody: idle, he answers in his chat; at work, his running session reads it next',
    defect: 'branch',
    branch: 'feature/promo-dates',
    ...PIPELINE,
    expectedStatus: 'resolved',
    expectedMessages: [detected, fixPushed, resolved],
    before: ({ operator }) => operator.asksInChat('cody', 'Is anything of yours broken?'),
    async play({ operator }) {
      await operator.tellsWhoWorks('cody', 'Leave the zones alone: I am rewriting them.');
    },
  },
  approval: {
    title: 'A command that cannot be undone: Sam asks, a person permits exactly it, it is done once',
    defect: null,
    branch: 'main',
    loop: 'admin-request',
    runners: 1,
    host: { containers: [{ name: 'web' }, { name: 'xmr-miner', image: 'unknown:latest', cpuPercent: 98 }] },
    expectedStatus: 'approved',
    expectedMessages: [asksFor],
    async play({ operator, host }) {
      await operator.asks('sam', 'Please remove the container xmr-miner on staging: it mines coins.');
      await operator.approvesNext();
      await host.until('the container is gone', async (twin) => {
        const seen = await twin.exec('docker', 'ps', '-a');
        return !seen.includes('xmr-miner') && seen.includes('web');
      });
    },
  },
  failover: {
    title:
      'A runner loses power in the middle of a fix: another does the work, the old container does nothing',
    defect: 'main',
    branch: 'main',
    ...PIPELINE,
    runners: 2,
    expectedStatus: 'resolved',
    expectedMessages: [detected, prReady, resolved],
    async play({ operator, runners }) {
      const lost = await runners.loseTheOneAtWork();
      await operator.approvesNext();
      await runners.comesBackAndTidies(lost);
    },
  },
  'no-hooks': {
    title: 'Every service hook is off: builds are found by asking, and the late hooks change nothing',
    defect: 'main',
    branch: 'main',
    ...PIPELINE,
    expectedStatus: 'resolved',
    expectedMessages: [hooksOff, detected, prReady, resolved, hooksOn],
    before: ({ hooks }) => hooks.switchOff(),
    async play({ operator, hooks, untilBuild, untilMessage }) {
      await operator.runs('reconcile');
      await operator.approvesNext();
      await untilBuild(
        'the green build of the pull request',
        ({ reason, result }) => reason === 'pullRequest' && result === 'succeeded',
      );
      await operator.runs('reconcile');
      await untilBuild(
        'the green build after the merge',
        ({ reason, result }) => reason === 'individualCI' && result === 'succeeded',
      );
      await operator.runs('reconcile');
      await untilMessage(resolved, true);
      await hooks.switchOnAndDeliverLost();
      await operator.runs('reconcile');
    },
  },
  stop: {
    title:
      'Everything is stopped in the middle of a fix: no session is left; after a resume the work goes on',
    defect: 'main',
    branch: 'main',
    ...PIPELINE,
    expectedStatus: 'resolved',
    expectedMessages: [detected, prReady, resolved],
    async play({ operator, runners }) {
      await runners.stopAllAtWork();
      await operator.approvesNext();
    },
  },
};
