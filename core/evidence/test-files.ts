/** Which files of a repository are tests, by where they are, how they are named, and what the test command names. */

const CODE = '[cm]?[jt]sx?';

const TEST_FILE = [
  /[._-](?:tests?|specs?)\.[^/]+$/,
  /(?:^|\/)(?:tests?|specs?|__tests__|__snapshots__|e2e)\//,
  new RegExp(String.raw`(?:^|/)(?:tests?|specs?)\.(?:${CODE}|sh|py)$`),
  /(?:^|\/)test[_-][^/]+\.[^/]+$/,
  new RegExp(String.raw`[a-z\d](?:Tests?|Spec)\.${CODE}$`),
  /\.snap$/,
];

/** Whether a file belongs to the tests, by where it is or how it is named. */
export function isTestFile(path: string): boolean {
  return !/(?:^|\/)node_modules\//.test(path) && TEST_FILE.some((pattern) => pattern.test(path));
}

/** Options whose value is a module or a setting, not a test. */
const TAKES_VALUE = /^(?:--import|--require|-r|--loader|--experimental-loader|-c|--config|-p|--project)$/;
const CODE_FILE = new RegExp(String.raw`^[\w@.*?+!(){}|,[\]/-]+\.(?:${CODE}|\{[\w,]+\}|\*)$`);
const RUNS_FOLDER = /(?:^|\s)(?:node\s.*--test|mocha|ava|tape|tap|uvu|jasmine|borp|c8\s.*--test)(?=\s|$)/;

/**
 * Patterns of the files that commands name as what they run: `node check.js`, `mocha "lib/*.check.js"`,
 * `node --test checks/`. A repository need not follow anybody's convention.
 */
export function filesNamedBy(commands: readonly string[]): string[] {
  const segments = commands.flatMap((command) => command.split(/&&|\|\||;|\n/));
  return [...new Set(segments.flatMap(filesInSegment))];
}

function filesInSegment(segment: string): string[] {
  const words = [...segment.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  );
  const takesFolders = RUNS_FOLDER.test(segment);
  return words.flatMap((word, index) => {
    const plain = word.replace(/^\.\//, '');
    if (index === 0 || word.startsWith('-') || TAKES_VALUE.test(words[index - 1] ?? '')) return [];
    if (CODE_FILE.test(plain) && !plain.includes('node_modules/')) return [plain];
    const isFolder = plain.endsWith('/') || (takesFolders && /^[\w@-][\w@./-]*$/.test(plain) && index > 1);
    return isFolder && plain !== '/' ? [`${plain.replace(/\/$/, '')}/**`] : [];
  });
}

/** `*` stays within a folder, `**` crosses folders, `{a,b}` and `(a|b)` are either. Case matters. */
export function matchesGlob(path: string, glob: string): boolean {
  const source = glob
    .split(/(\*\*\/|\*\*|\*|[?@+!]?\([^()]*\)|\{[^{}]*\}|\?)/)
    .map((part) => {
      if (part === '**/') return '(?:.*/)?';
      if (part === '**') return '.*';
      if (part === '*') return '[^/]*';
      if (part === '?') return '[^/]';
      const either = /^([?@+!]?)\(([^()]*)\)$/.exec(part) ?? /^()\{([^{}]*)\}$/.exec(part);
      if (!either) return escapeExpression(part);
      const choices = (either[2] ?? '').split(/[|,]/).map(escapeExpression).join('|');
      return `(?:${choices})${either[1] === '?' ? '?' : ''}`;
    })
    .join('');
  return new RegExp(`^${source}$`).test(path);
}

function escapeExpression(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** A test by convention, or by the word of the command that runs the tests. */
export function testFileRule(commands: readonly string[]): (path: string) => boolean {
  const named = filesNamedBy(commands);
  return (path) => isTestFile(path) || named.some((glob) => matchesGlob(path, glob));
}
