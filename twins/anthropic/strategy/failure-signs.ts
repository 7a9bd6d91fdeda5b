/** Signs in a log that speak for one category of failure or another. Order within a list: the plainest first. */
export type Category = 'code' | 'configuration' | 'environment';
export type Sign = { pattern: RegExp; cause: string; advice: string };

const retry = 'Nothing to change in the code. Restore the service or wait for it, then run the build again.';

/** The machine itself gave out: stands even where tests fail as well. */
export const hardEnvironmentSigns: readonly Sign[] = [
  {
    pattern:
      /\bENOSPC\b|no space left on device|disk (is )?full|not enough space on the disk|disk quota exceeded/i,
    cause: 'the build agent has no disk space left',
    advice: 'Free or enlarge the disk of the build agent, then run the build again.',
  },
  {
    pattern:
      /lost communication with the (server|agent)|agent .*(went offline|lost|did not respond|stopped responding)|we stopped hearing from agent|runner has received a shutdown signal/i,
    cause: 'the build agent was lost during the run',
    advice: 'Look at the build agent; the code is not involved.',
  },
  {
    pattern:
      /JavaScript heap out of memory|out of memory: killed|\boom[- ]?kill|\bENOMEM\b|cannot allocate memory|^\s*Killed\s*$|exit(ed)? (with )?(code|status) 137\b|SIGKILL/i,
    cause: 'a process was killed for want of memory',
    advice: 'Give the agent more memory, or find what else runs on it; then run the build again.',
  },
  {
    pattern: /certificate has expired|CERT_HAS_EXPIRED|certificate (is )?not yet valid|x509: certificate/i,
    cause: 'a certificate has expired',
    advice: 'Renew the certificate of the host named in the log.',
  },
];

/** Something between the agent and another host failed: decisive unless the product's own assertions fail. */
export const softEnvironmentSigns: readonly Sign[] = [
  {
    pattern:
      /\b(EAI_AGAIN|ENOTFOUND)\b|getaddrinfo|could not resolve host|name or service not known|temporary failure in name resolution/i,
    cause: 'a host name could not be resolved',
    advice: retry,
  },
  {
    pattern: /\bECONNREFUSED\b|connection refused|failed to connect to/i,
    cause: 'a host refused the connection',
    advice: retry,
  },
  {
    pattern:
      /\b(ETIMEDOUT|ESOCKETTIMEDOUT|ECONNRESET|EHOSTUNREACH|ENETUNREACH)\b|connection timed out|network is unreachable|socket hang up|TLS handshake timeout|i\/o timeout/i,
    cause: 'a connection was lost or timed out',
    advice: retry,
  },
  {
    pattern:
      /npm (ERR!|error) (code )?E?5\d\d\b|\b50[0234] (Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out)|registry .*(unavailable|error)|\bstatus(?: code)?:? 50[0234]\b|HTTP 50[0234]\b/i,
    cause: 'a service answered with a server error',
    advice: retry,
  },
  {
    pattern:
      /\bE?40[13]\b.*(unauthorized|forbidden|token|credential)|(token|credential|password|secret|PAT)\b.*\b(expired|invalid|revoked)|authentication failed|unable to authenticate|\bE401\b|unauthorized/i,
    cause: 'a credential was refused or has expired',
    advice: 'Renew the credential that the step uses; the code is not involved.',
  },
  {
    pattern: /toomanyrequests|rate limit exceeded|pull rate limit|\b429\b.*too many/i,
    cause: 'a service limited the rate of requests',
    advice: retry,
  },
];

export const configurationSigns: readonly Sign[] = [
  {
    pattern:
      /command not found|: not found\s*$|is not recognized as an internal or external command|unable to locate executable|exit(ed)? (with )?code '?127\b|no such file or directory: .*\.sh/i,
    cause: 'the step calls a command that the agent does not have',
    advice: 'Correct the step, or install the tool in the pipeline.',
  },
  {
    pattern: /missing script:|no script named|unknown (command|task|option|argument)/i,
    cause: 'the step calls a script that does not exist',
    advice: 'Bring the pipeline and the scripts of package.json to the same name.',
  },
  {
    pattern:
      /(environment )?variable ['"`$]?\w+['"`]? (is |was )?(not set|not defined|missing|required|undefined|unset)|missing (required )?(environment|env)( variable)?|\b[A-Z][A-Z0-9_]{3,} (is |must be )?(required|not set|missing|undefined|unset)\b|unbound variable|\$\(\w+(\.\w+)*\): /i,
    cause: 'a variable that the step needs is not set',
    advice: 'Set the variable in the pipeline or its variable group.',
  },
  {
    pattern:
      /(yaml|pipeline|workflow).*(syntax|parse|invalid|error|not valid)|mapping values are not allowed|while scanning|unexpected value '|template .* not found/i,
    cause: 'the pipeline definition is not valid',
    advice: 'Correct the pipeline definition.',
  },
  {
    pattern:
      /EBADENGINE|unsupported engine|requires node(\.js)? (version )?[<>=^~v\d]|version .* (is )?(not (found|supported|available)|too old)|unable to find node version|engine "node" is incompatible/i,
    cause: 'the tool version of the agent does not fit',
    advice: 'Set the tool version in the pipeline to one the project supports.',
  },
  {
    pattern:
      /no agent found|no hosted parallelism|pool .* (not found|does not exist)|resource .* not authorized|service connection .*(not found|could not)|input required:|could not find (the )?(file|path|directory).*\.(ya?ml|json)/i,
    cause: 'the pipeline refers to something that does not exist or is not authorised',
    advice: 'Correct the reference in the pipeline, or authorise the resource.',
  },
];

/** What only the code under test can bring about. */
export const codeSigns: readonly RegExp[] = [
  /AssertionError|ERR_ASSERTION|Expected .*(received|to (be|equal|deep))|expected .+ to .+/i,
  /error TS\d+:/,
  /^\s*(✖|✗|×|✘|not ok \d|● |FAIL\b|\d+\) )/,
  /\b(TypeError|ReferenceError|SyntaxError|RangeError)\b/,
  /\blint\/\w+\/\w+|^\s*\d+:\d+\s+error\s|✖ \d+ problems?/,
  /Cannot find module|ERR_MODULE_NOT_FOUND|does not provide an export/,
  /\b\d+ (failing|failed)\b|^# fail [1-9]|ℹ fail [1-9]|tests? failed/i,
  /\b\w*Error: /,
  /##\[error\]|npm (ERR!|error)|\berror\b[:\s]/i,
];

/** Lines that only mention trouble: passed tests, stack frames, echoes of commands. */
export const harmless = /^\s*(✔|✓|√|ok \d|PASS\b|▶|at |##\[(debug|command|section|group)\]|> |\+ |# Subtest)/;
