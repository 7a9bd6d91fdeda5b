import type { Artifact } from '../../../core/contracts/artifact.ts';
import { excerptLog, type LogExcerpt } from '../../../core/evidence/excerpt.ts';
import { failureKey, stepKey } from '../../../core/evidence/failure-key.ts';
import { commandOf, failedScriptOf, stepKind } from '../../../core/evidence/step-command.ts';
import { type FailedLeaf, guiltyLeaves } from '../../../core/evidence/timeline.ts';
import type { ChangeFacts, Evidence } from '../../../core/loops/pipeline-recovery/events.ts';
import { clip } from '../../../core/text/plain.ts';
import { putArtifact } from '../../artifacts.ts';
import type { SubjectCollector } from '../../subjects.ts';
import { pullRequestOfRef } from './build-facts.ts';
import {
  type Build,
  type Change,
  getBuild,
  getChanges,
  getChangesBetween,
  getRepository,
  getTimeline,
  listBuilds,
  listLogLineCounts,
  streamLog,
} from './builds.ts';
import type { AzureDevOps } from './client.ts';
import { AzureDevOpsError } from './error.ts';
import { readLog } from './log.ts';

const MAX_EXCERPT_BYTES = 8_192;
const MAX_CHANGES = 50;
const MAX_ISSUES = 20;
const MAX_TESTS = 100;

type StoredLog = Artifact & { lines: number; complete: boolean };

/** The failure of a build as code finds it: failed step, its complete log, an excerpt, what changed. */
export async function collectEvidence(
  api: AzureDevOps,
  bucket: R2Bucket,
  project: string,
  buildId: number,
  subjects: SubjectCollector,
): Promise<Evidence> {
  const build = await getBuild(api, project, buildId);
  if (!build) throw new AzureDevOpsError(`build ${buildId} is gone`, { status: 404, retryable: false });
  const leaves = guiltyLeaves(await getTimeline(api, project, buildId));
  const leaf = leaves[0] ?? null;
  const issues = issuesOf(leaf, build);
  const log =
    leaf === null || leaf.logId === null ? null : await fetchLog(api, bucket, project, buildId, leaf.logId);
  const text = log === null || log.text.trim() === '' ? issues.join('\n') : log.text;
  const found = excerptLog(text, { maxBytes: MAX_EXCERPT_BYTES });
  const green = await lastGreen(api, project, build);
  return {
    build: buildId,
    ...describeFailure(leaf, log?.text ?? null, found),
    issues,
    log: log?.stored ?? null,
    excerpt: await storeExcerpt(bucket, buildId, found.text),
    otherFailedSteps: leaves.slice(1, 11).map((other) => clip(other.path.join(' › '), 300)),
    lastGreenCommit: green?.sourceVersion ?? null,
    changes: await changeFacts(await fetchChanges(api, project, build, green), subjects),
  };
}

function describeFailure(
  leaf: FailedLeaf | null,
  log: string | null,
  found: LogExcerpt,
): Pick<Evidence, 'stepPath' | 'step' | 'stepKey' | 'failureKey' | 'failingTests'> {
  const path = leaf?.path ?? [];
  const name = leaf?.name ?? 'pipeline';
  const command = log === null ? null : commandOf(log);
  const failedScript = log === null ? null : failedScriptOf(log);
  const failingTests = found.failingTests.slice(0, MAX_TESTS).map((test) => clip(test.name, 500));
  return {
    stepPath: path,
    step: { name, command, kind: stepKind({ name, command, failingTests, failedScript }) },
    stepKey: stepKey(leaf ? path : [name]),
    failureKey: failureKey({
      path: leaf ? path : [name],
      failingTests,
      firstError: found.firstError?.text ?? null,
    }),
    failingTests,
  };
}

function issuesOf(leaf: FailedLeaf | null, build: Build): string[] {
  const messages = leaf
    ? leaf.issues.filter((issue) => issue.type.toLowerCase() !== 'warning').map((issue) => issue.message)
    : (build.validationResults ?? []).map((problem) => problem.message ?? '');
  return messages
    .filter((message) => message !== '')
    .slice(0, MAX_ISSUES)
    .map((message) => clip(message, 1_000));
}

/** Null: the record names a log that is gone; the failure can still be told. */
async function fetchLog(
  api: AzureDevOps,
  bucket: R2Bucket,
  project: string,
  build: number,
  log: number,
): Promise<{ stored: StoredLog; text: string } | null> {
  const lineCounts = await listLogLineCounts(api, project, build);
  const stream = await streamLog(api, project, build, log);
  if (stream === null) return null;
  const fetched = await readLog(stream);
  const expected = lineCounts.get(log) ?? null;
  const artifact = await putArtifact(bucket, fetched.bytes, {
    name: 'failed-step-log',
    contentType: 'text/plain; charset=utf-8',
  });
  const complete = fetched.whole && (expected === null || fetched.lines >= expected);
  return {
    stored: { ...artifact, lines: fetched.lines, complete },
    text: new TextDecoder().decode(fetched.bytes),
  };
}

async function storeExcerpt(bucket: R2Bucket, build: number, text: string): Promise<Artifact | null> {
  if (text.trim() === '') return null;
  return putArtifact(bucket, new TextEncoder().encode(text), {
    name: `excerpt-${build}`,
    contentType: 'text/plain; charset=utf-8',
  });
}

/** The newest green build of the same pipeline before this one, on the branch that the failure is about. */
async function lastGreen(api: AzureDevOps, project: string, build: Build): Promise<Build | null> {
  const ref = build.sourceBranch ?? '';
  const isBranch = ref.startsWith('refs/heads/') && pullRequestOfRef(ref) === null;
  const defaultBranch = async () =>
    (await getRepository(api, project, build.repository.id))?.defaultBranch ?? null;
  const onBranch = isBranch ? await greenOf(api, project, build, ref) : null;
  if (onBranch) return onBranch;
  const target = await defaultBranch();
  return target === null || target === ref ? null : greenOf(api, project, build, target);
}

async function greenOf(api: AzureDevOps, project: string, build: Build, ref: string): Promise<Build | null> {
  const greens = await listBuilds(api, project, {
    definition: build.definition.id,
    branch: ref,
    results: ['succeeded'],
    status: 'completed',
    top: 10,
  });
  return greens.find((green) => green.id < build.id) ?? null;
}

async function fetchChanges(
  api: AzureDevOps,
  project: string,
  build: Build,
  green: Build | null,
): Promise<Change[]> {
  try {
    if (green !== null) {
      const since = await getChangesBetween(api, project, { from: green.id, to: build.id }, MAX_CHANGES);
      if (since.length > 0) return since;
    }
    return await getChanges(api, project, build.id, MAX_CHANGES);
  } catch (error) {
    // Changes help, but a failure without them can still be diagnosed.
    if (error instanceof AzureDevOpsError && !error.retryable) return [];
    throw error;
  }
}

async function changeFacts(changes: readonly Change[], subjects: SubjectCollector): Promise<ChangeFacts[]> {
  const facts: ChangeFacts[] = [];
  for (const change of changes) {
    const firstLine = change.message?.split('\n', 1)[0]?.trim();
    facts.push({
      commit: change.id,
      author: await subjects.ref(change.author?.displayName ?? change.author?.uniqueName),
      message: await subjects.ref(firstLine ? clip(firstLine, 300) : null),
    });
  }
  return facts;
}
