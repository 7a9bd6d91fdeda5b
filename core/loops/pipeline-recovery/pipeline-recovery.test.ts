import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../journal/canonical-json.ts';
import { pipelineRecovery } from './index.ts';
import { fixBranch, parseFixBranch } from './key.ts';
import { fixResult, INCIDENT, judgement, sha, World } from './test/world.ts';

function untilPullRequest(build = 10): World {
  const world = new World();
  world.failed(build);
  world.evidence(build);
  world.judge();
  world.fix();
  world.openPullRequest(1);
  return world;
}

describe('a failure on the default branch', () => {
  it('becomes a pull request that is completed at the approved commit and verified', () => {
    const world = untilPullRequest();
    expect(world.state.status).toBe('pr_open');
    world.approve();
    expect(world.count('complete_pull_request')).toBe(0);
    world.succeeded(11, world.pullRequestBuild(1));
    const { commit } = world.last('complete_pull_request');
    expect(commit).toBe(world.state.episode?.attempts[0]?.proposal?.commit);
    world.send({
      type: 'pull_request_completed',
      data: { pullRequest: 1, outcome: 'completed', mergeCommit: sha('m') },
    });
    expect(world.state.status).toBe('verifying');
    world.succeeded(12, { commit: sha('m') });
    expect(world.state.status).toBe('resolved');
    expect(world.told()).toEqual(['detected', 'pr_ready', 'resolved']);
  });

  it('completes as well when the build is green before the approval', () => {
    const world = untilPullRequest();
    world.succeeded(11, world.pullRequestBuild(1));
    expect(world.count('complete_pull_request')).toBe(0);
    world.approve();
    world.approve();
    expect(world.count('complete_pull_request')).toBe(1);
  });

  it('counts a pull request build that was green before the pull request was known', () => {
    const world = new World();
    world.failed(10);
    world.evidence(10);
    world.judge();
    world.fix();
    world.succeeded(11, world.pullRequestBuild(1));
    world.openPullRequest(1);
    world.approve();
    expect(world.count('complete_pull_request')).toBe(1);
  });

  it('falls through to the build after the merge where pull requests have no build', () => {
    const world = untilPullRequest();
    world.approve();
    world.fireTimer('own_build');
    const { ref } = world.last('look_for_builds');
    world.send({ type: 'builds_seen', data: { ref, builds: [] } });
    expect(world.count('complete_pull_request')).toBe(1);
  });

  it('is not completed without approval, by a denied one, or twice', () => {
    const world = untilPullRequest();
    world.succeeded(11, world.pullRequestBuild(1));
    world.approve('denied');
    world.approve();
    expect(world.count('complete_pull_request')).toBe(0);
    expect(world.state.status).toBe('aborted');
    expect(world.told()).toEqual(['detected', 'pr_ready']);
  });

  it('restarts with the new failure on the commit of the fix that did not hold', () => {
    const world = untilPullRequest();
    const first = world.state.episode?.attempts[0]?.proposal?.commit;
    world.failed(11, world.pullRequestBuild(1));
    expect(world.last('abandon_pull_request').pullRequest).toBe(1);
    world.evidence(11, 'Smoke');
    world.judge();
    world.startFix();
    const { workspace, fix } = world.last('start_run');
    expect(workspace?.commit).toBe(first);
    expect(fix?.target).toMatchObject({ ref: fixBranch(INCIDENT, 2), base: first, expected: null });
    expect(world.told()).toEqual(['detected', 'pr_ready', 'restarting']);
  });

  it('escalates when the same step failed in three builds, with every build in the history', () => {
    const world = untilPullRequest(10);
    world.failed(11);
    world.evidence(11);
    expect(world.state.status).toBe('pr_open');
    world.approve();
    world.succeeded(12, world.pullRequestBuild(1));
    world.send({
      type: 'pull_request_completed',
      data: { pullRequest: 1, outcome: 'completed', mergeCommit: sha('m') },
    });
    world.failed(13, { commit: sha('m') });
    world.evidence(13);
    expect(world.state.status).toBe('escalated');
    expect(world.told()).toEqual(['detected', 'pr_ready', 'escalated']);
    for (const build of ['20261120.10', '20261120.11', '20261120.13'])
      expect(world.last('notify_operator').text).toContain(build);
  });

  it('escalates after six attempts although each failed elsewhere', () => {
    const world = untilPullRequest(10);
    for (let attempt = 1; attempt <= 6; attempt++) {
      world.failed(10 + attempt, world.pullRequestBuild(attempt));
      world.evidence(10 + attempt, `Step${attempt}`);
      if (attempt === 6) break;
      world.judge();
      world.fix();
      world.openPullRequest(attempt + 1);
    }
    expect(world.state.status).toBe('escalated');
    expect(world.state.episode?.attempts).toHaveLength(6);
  });
});

describe('a failure on a feature branch', () => {
  const ref = 'refs/heads/feature/x';

  it('is fixed on the branch itself, without a pull request', () => {
    const world = new World();
    world.failed(10, { ref });
    world.evidence(10);
    world.judge();
    const commit = world.fix();
    expect(world.state.episode?.attempts[0]?.target).toMatchObject({
      ref,
      expected: sha('commit of build 10'),
    });
    expect(world.count('open_pull_request')).toBe(0);
    world.succeeded(11, { ref, commit });
    expect(world.told()).toEqual(['detected', 'fix_pushed', 'resolved']);
  });

  it('counts the build of a branch and of its pull request at one commit as one failure', () => {
    const world = new World();
    const commit = sha('pushed');
    const pullRequest = { id: 7, source: ref, target: 'refs/heads/main', commit };
    world.failed(10, { ref, commit });
    world.evidence(10);
    world.failed(11, { ref: 'refs/pull/7/merge', pullRequest });
    world.evidence(11);
    world.judge();
    const fix = world.fix();
    world.failed(12, { ref: 'refs/pull/7/merge', pullRequest: { ...pullRequest, commit: fix } });
    world.evidence(12);
    expect(world.told()).toEqual(['detected', 'fix_pushed', 'restarting']);
  });

  it('waits for the newer build when the branch moved under the fix', () => {
    const world = new World();
    world.failed(10, { ref });
    world.evidence(10);
    world.judge();
    const run = world.startFix();
    const intent = world.intent(run);
    world.send({ type: 'intent_submitted', data: intent });
    world.send({ type: 'run_finished', data: { run, fence: 2, result: fixResult(), costMicroUsd: 1 } });
    world.send({
      type: 'intent_performed',
      data: { intent: intent.id, outcome: { outcome: 'refused', code: 'base_moved', reason: 'moved' } },
    });
    expect(world.state.status).toBe('verifying');
    world.succeeded(11, { ref });
    expect(world.state.status).toBe('resolved');
  });
});

describe('ways out without a fix', () => {
  function judged(result = judgement('environment')): World {
    const world = new World();
    world.failed(10);
    world.evidence(10);
    world.judge(result);
    return world;
  }

  it('explains a failure of the environment and starts no fix', () => {
    const world = judged();
    expect(world.state.status).toBe('explained');
    expect(world.told()).toEqual(['detected', 'explained']);
    expect(world.count('relay')).toBe(0);
  });

  it('asks the operator when the judgement is too uncertain to explain', () => {
    expect(judged(judgement('environment', 0.1)).told()).toEqual(['detected', 'escalated']);
  });

  it('goes back to Ryan once when Cody finds no fault in the code', () => {
    const world = judged(judgement('code'));
    const run = world.startFix();
    world.send({
      type: 'run_finished',
      data: { run, fence: 2, result: fixResult('not_code'), costMicroUsd: 1 },
    });
    expect(world.last('relay')).toMatchObject({ from: 'cody', to: 'ryan', turn: true });
    world.judge(judgement('environment'));
    expect(world.state.status).toBe('explained');
  });

  it('escalates what Cody cannot diagnose', () => {
    const world = judged(judgement('code'));
    const run = world.startFix();
    world.send({
      type: 'run_finished',
      data: { run, fence: 2, result: fixResult('not_diagnosable'), costMicroUsd: 1 },
    });
    expect(world.told()).toEqual(['detected', 'escalated']);
  });

  it('tries a lost run once more and then asks a human', () => {
    const world = judged(judgement('code'));
    const run = world.startFix();
    const lost = { fence: 2, reason: 'crashed' as const, detail: 'exit 1', costMicroUsd: 1 };
    world.send({ type: 'run_failed', data: { run, ...lost } });
    expect(world.state.status).toBe('fixing');
    const second = world.last('start_run').run;
    expect(second).not.toBe(run);
    world.send({ type: 'run_failed', data: { run: second, ...lost } });
    expect(world.state.status).toBe('escalated');
  });

  it('is resolved by a newer green commit of somebody else', () => {
    const world = judged(judgement('code'));
    world.startFix();
    world.succeeded(11);
    expect(world.state.status).toBe('resolved');
    expect(world.count('cancel_run')).toBe(1);
    expect(world.told()).toEqual(['detected', 'resolved']);
  });

  it('is explained as intermittent when the same commit turns green', () => {
    const world = judged(judgement('code'));
    world.succeeded(11, { commit: sha('commit of build 10') });
    expect(world.told()).toEqual(['detected', 'explained']);
  });

  it('never waits forever: every state of an open episode has a timer that ends it', () => {
    const world = new World();
    world.failed(10);
    world.fireTimer('evidence');
    expect(world.state.status).toBe('escalated');
    expect(pipelineRecovery.timers(world.state)).toEqual([]);
  });
});

describe('events out of place', () => {
  it('counts a build once, whatever told of it', () => {
    const world = new World();
    world.failed(10);
    expect(world.failed(10)).toEqual([]);
    expect(world.count('collect_evidence')).toBe(1);
  });

  it('does not reopen for a failure that is older than what is known', () => {
    const world = untilPullRequest(10);
    world.succeeded(20);
    expect(world.state.status).toBe('resolved');
    expect(world.failed(15)).toEqual([]);
    expect(world.state.status).toBe('resolved');
    world.failed(21);
    expect(world.state).toMatchObject({ status: 'detected', episode: { number: 2 } });
  });

  it('refuses the result of an older lease and of a run that is no longer current', () => {
    const world = new World();
    world.failed(10);
    world.evidence(10);
    world.judge();
    const run = world.startFix(5);
    world.send({ type: 'run_finished', data: { run, fence: 4, result: fixResult(), costMicroUsd: 1 } });
    world.send({ type: 'intent_submitted', data: world.intent(run, 4) });
    expect(world.state.status).toBe('fixing');
    expect(world.state.episode?.attempts[0]?.proposal).toBeNull();
  });

  it('refuses an intent that aims at the default branch', () => {
    const world = new World();
    world.failed(10);
    world.evidence(10);
    world.judge();
    const run = world.startFix();
    const intent = world.intent(run);
    world.send({
      type: 'intent_submitted',
      data: { ...intent, body: { ...intent.body, ref: 'refs/heads/main' } },
    });
    expect(world.state.episode?.attempts[0]?.proposal).toBeNull();
  });

  it('journals a host command as ignored, and permits none', () => {
    const world = new World();
    world.failed(10);
    world.evidence(10);
    world.judge();
    const run = world.startFix();
    const body = {
      kind: 'host_command' as const,
      host: 'staging',
      target: '0'.repeat(64),
      argv: ['docker', 'rm', 'web'],
      command: 'docker rm',
      group: 'sam',
      reason: 'r',
    };
    const before = canonicalJson(world.state);
    world.send({ type: 'intent_submitted', data: { ...world.intent(run), body } });
    expect(canonicalJson(world.state)).toBe(before);
    expect(world.count('perform_intent')).toBe(0);
    expect(world.facts.at(-1)?.fact).toMatchObject({
      type: 'event_ignored',
      data: { event: 'intent_submitted' },
    });
  });

  it('does not count a green build from another commit than the submitted one', () => {
    const world = untilPullRequest();
    const other = world.pullRequestBuild(1);
    world.succeeded(11, {
      ...other,
      pullRequest: {
        id: 1,
        source: world.last('open_pull_request').source,
        target: '',
        commit: sha('other'),
      },
    });
    world.approve();
    expect(world.count('complete_pull_request')).toBe(0);
  });
});

it('replays to the same state, byte for byte', () => {
  const world = untilPullRequest();
  const replayed = world.facts.reduce(
    (state, { fact, at }) => pipelineRecovery.evolve(state, fact, at),
    pipelineRecovery.initial(INCIDENT),
  );
  expect(canonicalJson(replayed)).toBe(canonicalJson(world.state));
});

it('reads its own fix branches back and no other', () => {
  expect(parseFixBranch(fixBranch(INCIDENT, 3))).toEqual({ incident: INCIDENT, attempt: 3 });
  expect(parseFixBranch('refs/heads/fix/ci-login')).toBeNull();
});
