import { METADATA, NEIGHBOUR, nameOf, RECORDS } from './addresses.ts';
import type { Attack } from './attack.ts';
import { MODEL, PROJECT, REPOSITORY } from './cell-spec.ts';
import type { Probe } from './probes.ts';
import { ASK } from './upstreams.ts';

export interface GatewayScene {
  marker: string;
  gateway: { host: string; port: number };
  commit: string;
}

type Raw = (method: string, target: string, body?: string, headers?: string[]) => string;

const raw: Raw = (method, target, body = '', headers = []) =>
  [
    `${method} ${target} HTTP/1.1`,
    'Host: gateway',
    'Connection: close',
    ...headers,
    ...(body === '' ? [] : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]),
    '',
    body,
  ].join('\r\n');

const model = (over: object) =>
  JSON.stringify({
    model: MODEL,
    max_tokens: 10,
    messages: [{ role: 'user', content: ASK.ok }],
    ...over,
  });

const GRANTED = '^HTTP/1\\.1 2';

/** Every door of the gateway, tried from within a cell; controls are requests of the same form that it grants. */
export function gatewayAttacks({ marker, gateway, commit }: GatewayScene): Attack[] {
  const attacks: Attack[] = [];
  const send = (text: string, expect = GRANTED): Probe => ({ kind: 'raw', ...gateway, send: text, expect });
  const add = (title: string, probe: Probe, control: Probe) =>
    attacks.push({ area: 'gateway', title, as: ['user'], probe, control: { in: 'cell', probe: control } });

  const messages = '/anthropic/v1/messages';
  const granted = send(raw('POST', messages, model({})));
  const refusedModel = (title: string, over: object) =>
    add(title, send(raw('POST', messages, model(over))), granted);
  refusedModel('another model', { model: 'claude-fable-5-1' });
  refusedModel('a longer answer than allowed', { max_tokens: 1_000_000 });
  for (const tool of ['web_search', 'web_fetch', 'code_execution', 'bash', 'computer'])
    refusedModel(`server tool ${tool}`, { tools: [{ type: `${tool}_20260209`, name: tool }] });
  refusedModel('MCP servers', { mcp_servers: [{ type: 'url', url: 'https://example.com', name: 'x' }] });
  refusedModel('a container of the provider', { container: 'c1' });
  refusedModel('content by URL', {
    messages: [
      {
        role: 'user',
        content: [{ type: 'image', source: { type: 'url', url: 'https://example.com/image' } }],
      },
    ],
  });
  refusedModel('content by file id', {
    messages: [
      { role: 'user', content: [{ type: 'document', source: { type: 'file', file_id: 'file_1' } }] },
    ],
  });
  for (const path of [
    '/v1/files',
    '/v1/messages/batches',
    '/v1/models',
    '/v1/organizations/api_keys',
    '/v1/complete',
  ])
    add(`model API ${path}`, send(raw('POST', `/anthropic${path}`, model({}))), granted);
  add('model API by GET', send(raw('GET', messages)), granted);
  add(
    'duplicate keys in a model request',
    send(
      raw(
        'POST',
        messages,
        `{"model":"${MODEL}","model":"claude-fable-5-1","max_tokens":1,"messages":[{"role":"user","content":"${ASK.ok}"}]}`,
      ),
    ),
    granted,
  );

  const repository = `/git/${PROJECT}/_git/${REPOSITORY}`;
  const fetching = send(raw('GET', `${repository}/info/refs?service=git-upload-pack`));
  add(
    'push: receive-pack advertised',
    send(raw('GET', `${repository}/info/refs?service=git-receive-pack`)),
    fetching,
  );
  add('push: receive-pack', send(raw('POST', `${repository}/git-receive-pack`, '0000')), fetching);
  add(
    'push: both services asked for',
    send(raw('GET', `${repository}/info/refs?service=git-upload-pack&service=git-receive-pack`)),
    fetching,
  );
  add(
    'another repository',
    send(raw('GET', `/git/${PROJECT}/_git/secrets/info/refs?service=git-upload-pack`)),
    fetching,
  );
  add(
    'another project',
    send(raw('GET', `/git/other/_git/${REPOSITORY}/info/refs?service=git-upload-pack`)),
    fetching,
  );
  add('dumb Git: objects by path', send(raw('GET', `${repository}/objects/info/packs`)), fetching);
  add(
    'path traversal',
    send(raw('GET', `${repository}/../secrets/info/refs?service=git-upload-pack`)),
    fetching,
  );
  add(
    'path traversal, encoded',
    send(raw('GET', `${repository}/%2e%2e/secrets/info/refs?service=git-upload-pack`)),
    fetching,
  );
  add(
    'path traversal, encoded twice',
    send(raw('GET', `${repository}/%252e%252e%252fsecrets/info/refs?service=git-upload-pack`)),
    fetching,
  );
  add(
    'slash within a name',
    send(raw('GET', `/git/${PROJECT}/_git/${REPOSITORY}%2f..%2fsecrets/info/refs?service=git-upload-pack`)),
    fetching,
  );
  add(
    'backslash for a slash',
    send(raw('GET', `/git/${PROJECT}/_git/..\\_git\\secrets/info/refs?service=git-upload-pack`)),
    fetching,
  );

  const builds = `/azure-devops/${PROJECT}/_apis/build`;
  const reading = send(raw('GET', `${builds}/builds/7/timeline?api-version=7.1`));
  const forbiddenApi: [string, string, string][] = [
    [
      'completing a pull request',
      'PATCH',
      `/azure-devops/${PROJECT}/_apis/git/repositories/${REPOSITORY}/pullrequests/7?api-version=7.1`,
    ],
    [
      'reading pipeline variables',
      'GET',
      `/azure-devops/${PROJECT}/_apis/build/definitions/1?api-version=7.1`,
    ],
    [
      'variable groups',
      'GET',
      `/azure-devops/${PROJECT}/_apis/distributedtask/variablegroups?api-version=7.1`,
    ],
    [
      'service connections',
      'GET',
      `/azure-devops/${PROJECT}/_apis/serviceendpoint/endpoints?api-version=7.1`,
    ],
    ['queueing a build', 'POST', `${builds}/builds?api-version=7.1`],
    ['builds of another project', 'GET', '/azure-devops/other/_apis/build/builds/7?api-version=7.1'],
    [
      'code through the builds door',
      'GET',
      `/azure-devops/${PROJECT}/_apis/git/repositories?api-version=7.1`,
    ],
    ['a query that is not listed', 'GET', `${builds}/builds?api-version=7.1&repositoryId=1`],
    ['collection-wide API', 'GET', '/azure-devops/_apis/projects?api-version=7.1'],
    ['traversal in the API', 'GET', `${builds}/builds/7/..%2f..%2fdefinitions/1`],
    ['a method override', 'GET', `${builds}/builds/7?api-version=7.1&x-http-method-override=DELETE`],
  ];
  for (const [title, method, target] of forbiddenApi)
    add(`Azure DevOps: ${title}`, send(raw(method, target, method === 'GET' ? '' : '{}')), reading);
  const github = `/github/repos/${PROJECT}/${REPOSITORY}`;
  const readingGithub = send(raw('GET', `${github}/commits/${commit}/check-runs`));
  for (const [title, method, target] of [
    ['merging', 'PUT', `${github}/pulls/7/merge`],
    ['writing a file', 'PUT', `${github}/contents/README.md`],
    ['secrets', 'GET', `${github}/actions/secrets`],
    ['another repository', 'GET', `/github/repos/${PROJECT}/secrets/issues/7`],
    ['GraphQL', 'POST', '/github/graphql'],
    ['the user', 'GET', '/github/user'],
  ] as const)
    add(`GitHub: ${title}`, send(raw(method, target, method === 'GET' ? '' : '{}')), readingGithub);

  const readingStatus = send(raw('GET', '/status-page'));
  for (const [title, method, target] of [
    ['another path of its server', 'GET', '/status-page/admin'],
    ['a query of ours', 'GET', `/status-page?next=http://${METADATA}/`],
    ['writing', 'POST', '/status-page'],
    ['a host in its path', 'GET', `/status-page/@${NEIGHBOUR}/`],
  ] as const)
    add(`status page: ${title}`, send(raw(method, target, method === 'GET' ? '' : '{}')), readingStatus);
  const container = '/dozzle/api/hosts/staging/containers/0123456789ab';
  const readingLogs = send(raw('GET', `${container}/logs?stdout=1&stderr=1`));
  for (const [title, method, target] of [
    ['stopping a container', 'POST', `${container}/actions/stop`],
    ['a shell in a container', 'GET', `${container}/exec`],
    ['attaching to a container', 'GET', `${container}/attach`],
    ['downloading everything', 'GET', '/dozzle/api/containers/staging:0123456789ab/download'],
    ['a log without an end', 'GET', `${container}/logs/stream?stdout=1`],
    ['a new user', 'POST', '/dozzle/api/setup/account'],
    ['a token', 'POST', '/dozzle/api/token'],
    ['traversal', 'GET', `${container}/logs/..%2f..%2f..%2fsetup`],
  ] as const)
    add(`Dozzle: ${title}`, send(raw(method, target, method === 'GET' ? '' : '{}')), readingLogs);

  const archive = send(raw('GET', '/npm/locked/-/locked-1.0.0.tgz'), `${GRANTED}[^]*archive`);
  const document = send(raw('GET', '/npm/locked'), '1\\.0\\.0');
  add('npm: a package the lock file does not name', send(raw('GET', '/npm/left-pad')), document);
  add('npm: its archive', send(raw('GET', '/npm/left-pad/-/left-pad-1.0.0.tgz')), archive);
  add('npm: another version of a named package', send(raw('GET', '/npm/locked/-/locked-9.9.9.tgz')), archive);
  add('npm: other versions in the document', send(raw('GET', '/npm/locked'), '9\\.9\\.9'), document);
  add('npm: another document by version', send(raw('GET', '/npm/locked/9.9.9')), document);
  add('npm: publishing', send(raw('PUT', '/npm/locked', '{}')), document);
  add('npm: search', send(raw('GET', '/npm/-/v1/search?text=x')), document);
  add('npm: audit', send(raw('POST', '/npm/-/npm/v1/security/advisories/bulk', '{}')), document);
  add('npm: archive path with traversal', send(raw('GET', '/npm/locked/-/..%2f..%2fleft-pad')), archive);
  add('npm: a redirect elsewhere', send(raw('GET', '/npm/redirected')), document);

  add('absolute-form URI', send(raw('GET', `http://${NEIGHBOUR}/{token}`), `${GRANTED}|${marker}`), fetching);
  add(
    'absolute-form URI to metadata',
    send(raw('GET', `http://${METADATA}/latest/{token}`), `${GRANTED}|${marker}`),
    fetching,
  );
  add('protocol-relative path', send(raw('GET', `//${NEIGHBOUR}/{token}`), `${GRANTED}|${marker}`), fetching);
  add(
    'a second request hidden in the first',
    send(
      `${raw('POST', '/nowhere', '').replace('\r\n\r\n', '\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n')}0\r\n\r\n${raw('GET', `${repository}/info/refs?service=git-receive-pack`)}`,
    ),
    fetching,
  );
  add(
    'a tool that the run does not have',
    send(raw('POST', '/dogwatch/tools/relay', '{"key":"k","input":{"to":"ryan","text":"x"}}')),
    send(raw('GET', '/dogwatch/task')),
  );
  add(
    'upgrade to another protocol',
    send(raw('GET', '/dogwatch/task', '', ['Connection: Upgrade', 'Upgrade: h2c']), '^HTTP/1\\.1 101'),
    send(raw('GET', '/dogwatch/task')),
  );

  const tunnel = (target: string, over: Partial<Extract<Probe, { kind: 'connect' }>> = {}): Probe => {
    const servername = target.split(':')[0] ?? '';
    return {
      ...{ kind: 'connect', proxy: gateway, target, servername, hostHeader: servername },
      ...{ path: '/{token}', expect: marker, ...over },
    };
  };
  const allowed = nameOf('allowed');
  const open = tunnel(`${allowed}:443`);
  const throughTunnel = (title: string, probe: Probe) => add(`tunnel: ${title}`, probe, open);
  throughTunnel('a host that no policy names', tunnel(`${nameOf('blocked')}:443`));
  throughTunnel("an allowed host's port 22", tunnel(`${allowed}:22`, { plain: '{token}', expect: 'SSH' }));
  throughTunnel(
    "an allowed host's port 80",
    tunnel(`${allowed}:80`, { plain: 'GET /{token} HTTP/1.0\r\n\r\n' }),
  );
  throughTunnel(
    'SNI other than the CONNECT host',
    tunnel(`${allowed}:443`, { servername: nameOf('blocked') }),
  );
  throughTunnel('no SNI', tunnel(`${allowed}:443`, { servername: '' }));
  throughTunnel('no TLS', tunnel(`${allowed}:443`, { plain: 'GET /{token} HTTP/1.0\r\n\r\n' }));
  throughTunnel('a raw public address', tunnel('128.66.77.2:443', { servername: allowed }));
  throughTunnel('a raw private address', tunnel(`${NEIGHBOUR}:443`, { servername: allowed }));
  throughTunnel('an address as one number', tunnel('2151828738:443', { servername: allowed }));
  throughTunnel('an IPv6 literal', tunnel('[2001:db8:77::2]:443', { servername: allowed }));
  throughTunnel(
    'a name with a dot at its end',
    tunnel(`${nameOf('blocked')}.:443`, { servername: nameOf('blocked') }),
  );
  throughTunnel(
    'credentials in the target',
    tunnel(`${allowed}@${nameOf('blocked')}:443`, { servername: nameOf('blocked') }),
  );
  // Its first answer is public and may be reached; what it answers next is not.
  const rebound = { path: '/rebinding', expect: `${marker} at \\S*${NEIGHBOUR}` };
  for (const turn of ['once', 'again'])
    throughTunnel(`a name that rebinds, ${turn}`, tunnel(`${nameOf('rebinding')}:443`, rebound));
  for (const [label, record] of Object.entries(RECORDS)) {
    if (label === 'allowed' || label === 'blocked' || label === 'rebinding') continue;
    const addresses = [...(record.a?.flat() ?? []), ...(record.aaaa ?? [])].join(', ');
    throughTunnel(`${label} (${addresses})`, tunnel(`${nameOf(label)}:443`));
  }
  return attacks;
}
