import { execFile, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Row } from './attack.ts';
import { MODEL, PROJECT } from './cell-spec.ts';
import { docker, probeIn } from './docker-command.ts';
import type { Probe } from './probes.ts';
import type { Cell, Stage } from './stage.ts';
import { ASK } from './upstreams.ts';

const run = promisify(execFile);

/** A canary as it stands, after `:` in Base64 (as HTTP Basic has it), or at the head of a Base64 text. */
const TRACES = 'canary-[a-z]+-[0-9a-f]{24}|OmNhbmFyeS|Y2FuYXJ5L';

const shell = (command: string): Probe => ({
  kind: 'shell',
  command,
  expect: 'found\\s*$',
  timeoutMs: 90_000,
});

/** Where a container can look; the pattern itself never matches. */
const SEARCHES: { title: string; probe: Probe; plant: string }[] = [
  {
    title: 'canaries in the environment',
    probe: shell(`env | grep -E '${TRACES}' && echo found`),
    plant: 'export PLANTED=$DECOY; ',
  },
  {
    title: 'canaries in environments of processes',
    probe: shell(`cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -E '${TRACES}' && echo found`),
    plant: 'PLANTED=$DECOY sleep 5 & sleep 0.2; ',
  },
  {
    title: 'canaries in arguments of processes',
    probe: shell(
      `cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -E '^(${TRACES})' && echo found`,
    ),
    plant: '(exec -a $DECOY sleep 5) & sleep 0.2; ',
  },
  {
    title: 'canaries in files',
    probe: shell(
      `grep -rlsE '${TRACES}' /etc /home /opt/dogwatch/agent /opt/dogwatch/program /root /run /srv /tmp /usr/local /var /workspace /dev/shm | grep . && echo found`,
    ),
    plant: 'echo $DECOY > /workspace/planted; ',
  },
];

const planted = (probe: Probe, plant: string, decoy: string): Probe =>
  probe.kind === 'shell'
    ? { ...probe, command: `DECOY=${decoy.slice(0, 20)}'${decoy.slice(20)}'; ${plant}${probe.command}` }
    : probe;

const DECOY = `canary-decoy-${'0123456789ab'.repeat(2)}`;

async function searchInside(stage: Stage): Promise<Row[]> {
  const [cell] = stage.cells;
  const controls = await probeIn(
    stage.open,
    'root',
    SEARCHES.map(({ probe, plant }) => planted(probe, plant, DECOY)),
  );
  const rows: Row[] = [];
  for (const as of ['user', 'root'] as const) {
    const results = await probeIn(
      cell.container,
      as,
      SEARCHES.map(({ probe }) => probe),
    );
    SEARCHES.forEach(({ title }, index) => {
      const [result, control] = [results[index], controls[index]];
      rows.push({
        ...{ area: 'secrets', title, as, blocked: !result?.reached, detail: result?.detail ?? '' },
        control: { ok: control?.reached ?? false, detail: control?.detail ?? '' },
      });
    });
  }
  return rows;
}

const traced = (text: string): string | null => new RegExp(TRACES).exec(text)?.[0] ?? null;

const row = (title: string, text: string, control: { ok: boolean; detail: string }): Row => {
  const found = traced(text);
  return { area: 'secrets', title, as: 'runner', blocked: found === null, detail: found ?? 'none', control };
};

async function filesBelow(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n');
}

/** All layers of the image as one stream, searched for a canary and for a word that is there. */
async function searchImage(image: string): Promise<{ leaked: string; known: boolean }> {
  const child = spawn('docker', ['save', image], { stdio: ['ignore', 'pipe', 'ignore'] });
  const grep = spawn('grep', ['-aoE', `${TRACES}|held-by-the-gateway`], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdout.pipe(grep.stdin);
  grep.stdin.on('error', () => undefined);
  let found = '';
  for await (const chunk of grep.stdout) found = (found + String(chunk)).slice(-65_536);
  return {
    leaked: found.replaceAll('held-by-the-gateway', ''),
    known: found.includes('held-by-the-gateway'),
  };
}

/** What the host shows of the cell and the runner keeps of its session. */
async function searchOutside(stage: Stage): Promise<Row[]> {
  const [cell] = stage.cells;
  const transcripts = await filesBelow(join(stage.folder, 'sandboxes'));
  const inspected = await docker('inspect', cell.container);
  const said = await run('docker', ['logs', cell.container], { maxBuffer: 256 * 1024 * 1024 });
  const history = await docker('history', '--no-trunc', stage.image);
  const image = await searchImage(stage.image);
  const runnerLog = stage.runnerLog.join('\n');
  const { stdout: argv } = await run('sh', ['-c', `cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '`], {
    maxBuffer: 16 * 1024 * 1024,
  });
  return [
    row('canaries in transcripts', transcripts, {
      ok: transcripts.includes('"type"'),
      detail: `${transcripts.length} characters read`,
    }),
    row("canaries in the container's configuration", inspected, {
      ok: inspected.includes('DOGWATCH_GATEWAY'),
      detail: 'the configuration was read',
    }),
    row("canaries in the container's log", said.stdout + said.stderr, {
      ok: said.stdout.length > 0,
      detail: `${said.stdout.length} characters read`,
    }),
    row('canaries in the image', `${image.leaked}\n${history}`, {
      ok: image.known,
      detail: 'a known text was found in its layers',
    }),
    row("canaries in the runner's log", runnerLog, {
      ok: runnerLog.includes('tunnel to'),
      detail: `${stage.runnerLog.length} lines read`,
    }),
    row('canaries in arguments on the host', argv, {
      ok: argv.includes('attack.ts'),
      detail: 'our own were seen',
    }),
  ];
}

const raw = (cell: Cell, method: string, target: string, body = ''): Probe => ({
  kind: 'raw',
  ...cell.gateway,
  send: [
    `${method} ${target} HTTP/1.1`,
    'Host: gateway',
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n'),
  expect: `${TRACES}`,
});

/** Servers that repeat what they were sent, or point elsewhere: each has really got the credential. */
async function provokeUpstreams(stage: Stage): Promise<Row[]> {
  const [cell] = stage.cells;
  const { canaries, upstreams } = stage;
  const basic = (pat: string) => `Basic ${Buffer.from(`:${pat}`).toString('base64')}`;
  const ask = (words: string) =>
    JSON.stringify({ model: MODEL, max_tokens: 10, messages: [{ role: 'user', content: words }] });
  const model = '/anthropic/v1/messages';
  const builds = `/azure-devops/${PROJECT}/_apis/build/builds`;
  const issues = `/github/repos/${PROJECT}/parcel-rates/issues`;
  const logs = '/dozzle/api/hosts/staging/containers/0123456789ab/logs';
  const provocations: [string, Probe, (headers: Record<string, unknown>) => boolean, string][] = [
    [
      'an error of the model that echoes',
      raw(cell, 'POST', model, ask(ASK.error)),
      (h) => h['x-api-key'] === canaries.modelKey,
      'anthropic',
    ],
    [
      'a redirect of the model',
      raw(cell, 'POST', model, ask(ASK.redirect)),
      (h) => h['x-api-key'] === canaries.modelKey,
      'anthropic',
    ],
    [
      'an error of Azure DevOps that echoes',
      raw(cell, 'GET', `${builds}/999`),
      (h) => h.authorization === basic(canaries.buildPat),
      'azure-devops',
    ],
    [
      'an answer of Azure DevOps that echoes',
      raw(cell, 'GET', `${builds}/7`),
      (h) => h.authorization === basic(canaries.buildPat),
      'azure-devops',
    ],
    [
      'a redirect of Azure DevOps',
      raw(cell, 'GET', `${builds}?branchName=redirect`),
      (h) => h.authorization === basic(canaries.buildPat),
      'azure-devops',
    ],
    [
      'an error of GitHub that echoes',
      raw(cell, 'GET', `${issues}/999`),
      (h) => h.authorization === `Bearer ${canaries.githubToken}`,
      'github',
    ],
    [
      'an answer of GitHub that echoes',
      raw(cell, 'GET', `${issues}/7`),
      (h) => h.authorization === `Bearer ${canaries.githubToken}`,
      'github',
    ],
    [
      'a redirect of GitHub',
      raw(cell, 'GET', `${issues}/7/comments?since=redirect`),
      (h) => h.authorization === `Bearer ${canaries.githubToken}`,
      'github',
    ],
    [
      'an answer of Dozzle that echoes',
      raw(cell, 'GET', `${logs}?stdout=1`),
      (h) => h.authorization === `Bearer ${canaries.dozzleToken}`,
      'dozzle',
    ],
    [
      'a stream of Dozzle that echoes',
      raw(cell, 'GET', '/dozzle/api/events/stream'),
      (h) => h.authorization === `Bearer ${canaries.dozzleToken}`,
      'dozzle',
    ],
    [
      'an error of Dozzle that echoes',
      raw(cell, 'GET', `${logs}?from=999`),
      (h) => h.authorization === `Bearer ${canaries.dozzleToken}`,
      'dozzle',
    ],
    [
      'a redirect of Dozzle',
      raw(cell, 'GET', `${logs}?filter=redirect`),
      (h) => h.authorization === `Bearer ${canaries.dozzleToken}`,
      'dozzle',
    ],
    [
      'what the status page hears',
      raw(cell, 'GET', '/status-page'),
      (h) => h.authorization === undefined && h.cookie === undefined,
      'status-page',
    ],
    [
      'a redirect of the registry',
      raw(cell, 'GET', '/npm/redirected/-/redirected-1.0.0.tgz'),
      (h) => h.authorization === undefined,
      'registry',
    ],
  ];
  const rows: Row[] = [];
  for (const [title, probe, carried, service] of provocations) {
    const before = upstreams.seen.length;
    const [result] = await probeIn(cell.container, 'user', [probe]);
    const seen = upstreams.seen.slice(before);
    const led = seen.find((each) => each.service === 'elsewhere');
    const met = seen.some((each) => each.service === service && carried(each.headers));
    rows.push({
      ...{ area: 'secrets', title, as: 'user' },
      blocked: result?.reached === false && !led,
      detail: led ? 'the redirect was followed' : (result?.detail ?? ''),
      control: { ok: met, detail: met ? 'the server got the request as it should' : 'the server got none' },
    });
  }
  return rows;
}

/** After everything: has any server behind the gateway seen a request that is on no list? */
function nothingElseArrived(stage: Stage): Row {
  const fine: Record<string, RegExp> = {
    anthropic: /^POST \/v1\/messages(?:\/count_tokens)?(?:\?beta=true)? /,
    git: /^(?:GET|POST) \/shop\/_git\/parcel-rates\/(?:info\/refs\?service=git-upload-pack|git-upload-pack) /,
    'azure-devops': /^GET \/shop\/_apis\/build\/builds(?:\/\d+(?:\/timeline)?)?(?:\?[^/]*)? /,
    github: /^GET \/repos\/shop\/parcel-rates\/(?:issues|commits)\/[0-9a-f]+(?:\/[a-z-]+)?(?:\?[^/]*)? /,
    dozzle: /^GET \/api\/(?:events\/stream|hosts\/staging\/containers\/0123456789ab\/logs(?:\?[^/]*)?) /,
    'status-page': /^GET \/status /,
    registry: /^GET \/(?:locked|redirected)(?:\/-\/(?:locked|redirected)-1\.0\.0\.tgz)? /,
  };
  const { seen } = stage.upstreams;
  const stray = seen.find(({ service, method, url, body }) => {
    const listed = fine[service]?.test(`${method} ${url} `) ?? false;
    // Keys that stand twice, and other models, must not have survived the check.
    return !listed || (body.match(/"model":/g)?.length ?? 0) > 1 || body.includes('claude-fable');
  });
  return {
    ...{ area: 'gateway', title: 'anything unlisted that reached a server', as: 'user' },
    blocked: stray === undefined,
    detail: stray ? `${stray.service}: ${stray.method} ${stray.url}` : 'none',
    control: {
      ok: Object.keys(fine).every((service) => seen.some((each) => each.service === service)),
      detail: `${seen.length} requests seen, each server asked`,
    },
  };
}

export async function attackSecrets(stage: Stage): Promise<Row[]> {
  return [
    ...(await provokeUpstreams(stage)),
    ...(await searchInside(stage)),
    ...(await searchOutside(stage)),
    nothingElseArrived(stage),
  ];
}
