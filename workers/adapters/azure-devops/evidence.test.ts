import { env } from 'cloudflare:test';
import { beforeEach, describe, expect, it } from 'vitest';
import { getArtifact } from '../../artifacts.ts';
import { azureDevOpsSettings, type Env } from '../../env.ts';
import { SubjectCollector } from '../../subjects.ts';
import { type AzureWorld, azureDevOps, buildJson } from '../../test/azure-devops.ts';
import { Outside } from '../../test/outside.ts';
import { azureDevOpsClient } from './client.ts';
import { collectEvidence } from './evidence.ts';

let outside: Outside;
let world: AzureWorld;
beforeEach(() => {
  outside = new Outside();
  world = azureDevOps(outside);
  world.builds.push(buildJson({ id: 10 }));
  outside
    .json('GET', /builds\?.*resultFilter=succeeded/, () => ({
      value: [11, 9].map((id) => buildJson({ id, result: 'succeeded', commit: String(id % 10).repeat(40) })),
    }))
    .json('GET', /\/build\/changes\?/, () => ({
      value: [{ id: 'd'.repeat(40), message: 'Break it\n\nbody', author: { displayName: 'Dana Developer' } }],
    }));
});

const record = (id: string, about: object) => ({
  id,
  state: 'completed',
  result: 'failed',
  attempt: 1,
  ...about,
});
function failing(log: string, lineCount: number, logId: number | null = 7): void {
  outside
    .json('GET', /builds\/10\/timeline/, () => ({
      records: [
        record('job', { type: 'Job', name: 'Build', order: 1 }),
        record('green', { type: 'Task', name: 'Install', parentId: 'job', result: 'succeeded', order: 1 }),
        record('task', {
          type: 'Task',
          name: 'Test',
          parentId: 'job',
          order: 2,
          log: logId === null ? null : { id: logId },
          issues: [{ type: 'error', message: "Bash exited with code '1'." }],
        }),
      ],
    }))
    .json('GET', /builds\/10\/logs\?/, () => ({ value: [{ id: 7, lineCount }] }))
    .on(({ url }) => (url.pathname.endsWith('/builds/10/logs/7') ? new Response(log) : undefined));
}

async function collect() {
  const subjects = new SubjectCollector();
  const api = azureDevOpsClient(azureDevOpsSettings(env as Env));
  return { evidence: await collectEvidence(api, env.ARTIFACTS, 'shop', 10, subjects), subjects };
}

describe('evidence', () => {
  it('is the failed leaf, its whole log, an excerpt, the last green commit and what changed since', async () => {
    const log = ['✖ adds parcels (1ms)', 'AssertionError: 1 == 2', 'done'].join('\n');
    failing(`${log}\n`, 3);
    const { evidence, subjects } = await collect();
    expect(evidence).toMatchObject({
      build: 10,
      stepPath: ['Build', 'Test'],
      step: { name: 'Test', kind: 'test' },
      log: { lines: 3, complete: true },
      issues: ["Bash exited with code '1'."],
      lastGreenCommit: '9'.repeat(40),
    });
    expect(await (await getArtifact(env.ARTIFACTS, evidence.log?.sha256 ?? ''))?.text()).toBe(`${log}\n`);
    expect(evidence.changes).toHaveLength(1);
    expect(JSON.stringify(evidence)).not.toMatch(/Dana|Break it/);
    expect(Object.values(subjects.texts).map(({ text }) => text)).toEqual(['Dana Developer', 'Break it']);
  });

  it('keeps all of a log of 5 MB, and shows at most 8 KB of it', async () => {
    const line = '2026-11-20T12:00:00.0000000Z some output that nobody needs to read at all\n';
    const log = `${line.repeat(40_000)}Error: here it is\n${line.repeat(40_000)}`;
    failing(log, 80_001);
    const { evidence } = await collect();
    expect(evidence.log).toMatchObject({ lines: 80_001, complete: true, sizeBytes: log.length });
    expect(log.length).toBeGreaterThan(5_000_000);
    const excerpt = await (await getArtifact(env.ARTIFACTS, evidence.excerpt?.sha256 ?? ''))?.text();
    expect(excerpt?.length).toBeLessThanOrEqual(8_192);
    expect(excerpt).toContain('Error: here it is');
  });

  it('says when lines of the log are missing', async () => {
    failing('only one line', 5);
    expect((await collect()).evidence.log).toMatchObject({ lines: 1, complete: false });
  });

  it('does without a log, with the issues as excerpt', async () => {
    failing('', 0, null);
    const { evidence } = await collect();
    expect(evidence.log).toBeNull();
    expect(evidence.excerpt?.sizeBytes).toBeGreaterThan(0);
  });

  it('does without a log that is gone or empty', async () => {
    failing('', 0);
    expect((await collect()).evidence.excerpt?.sizeBytes).toBeGreaterThan(0);
    outside.json('GET', /logs\/7/, () => ({ message: 'no log' }), 404);
    const { evidence } = await collect();
    expect(evidence).toMatchObject({ stepPath: ['Build', 'Test'], log: null });
    expect(evidence.excerpt?.sizeBytes).toBeGreaterThan(0);
  });

  it('does without a timeline, for which a build that never started is answered 204', async () => {
    outside.on(({ url }) =>
      url.pathname.endsWith('/timeline') ? new Response(null, { status: 204 }) : undefined,
    );
    expect((await collect()).evidence).toMatchObject({ stepPath: [], log: null });
  });

  it('does without any failed record: what the pipeline file was refused for is the issue', async () => {
    world.builds.length = 0;
    world.builds.push({
      ...buildJson({ id: 10 }),
      validationResults: [{ result: 'error', message: 'azure-pipelines.yml (Line: 3): unexpected value' }],
    } as ReturnType<typeof buildJson>);
    const { evidence } = await collect();
    expect(evidence).toMatchObject({ stepPath: [], step: { name: 'pipeline', command: null }, log: null });
    expect(evidence.issues[0]).toContain('unexpected value');
  });
});
