/** An error that a linter, type checker, compiler or package manager reported about the code. */
export type CodeError = {
  tool: string;
  file: string | null;
  line: number | null;
  column: number | null;
  message: string;
  /** Line of the log, from 1. */
  atLine: number;
};

type Found = Omit<CodeError, 'atLine'>;

const MAX_ERRORS = 500;

/** Errors about the code, in the order of the log. Linear in its length. */
export function codeErrors(lines: readonly string[]): CodeError[] {
  const errors: CodeError[] = [];
  let eslintFile: string | null = null;
  for (let at = 0; at < lines.length && errors.length < MAX_ERRORS; at += 1) {
    const line = lines[at] ?? '';
    if (line.length < 4) continue;
    if (/^(?:[A-Za-z]:)?[\w@./\\-]+\.\w{1,6}$/.test(line)) {
      eslintFile = line;
      continue;
    }
    const found =
      eslint(line, eslintFile) ??
      (line.includes(':') || line.includes('(') || line.startsWith('npm ') || line.includes('━━')
        ? located(line, lines, at)
        : null);
    if (found) errors.push({ ...found, atLine: at + 1 });
  }
  return errors;
}

function eslint(line: string, file: string | null): Found | null {
  if (!file || !line.startsWith('  ')) return null;
  const match = /^ {2,6}(\d+):(\d+) +(?:error|✖) +(\S.*)$/.exec(line);
  return match
    ? {
        tool: 'eslint',
        file,
        line: Number(match[1]),
        column: Number(match[2]),
        message: oneSpace(match[3] ?? ''),
      }
    : null;
}

function located(line: string, lines: readonly string[], at: number): Found | null {
  const next = lines[at + 1] ?? '';
  return (
    typescript(line) ??
    biome(line, lines, at) ??
    packageManager(line) ??
    rust(line, next) ??
    java(line) ??
    bracketed(line) ??
    colons(line)
  );
}

function typescript(line: string): Found | null {
  if (!line.includes('error TS')) return null;
  const match = /^(.{1,400}?)(?:\((\d+),(\d+)\)|:(\d+):(\d+))(?: -|:) error (TS\d+: .*)$/.exec(
    line.trimStart(),
  );
  if (match) return found('tsc', match[1], match[2] ?? match[4], match[3] ?? match[5], match[6]);
  const bare = /^error (TS\d+: .*)$/.exec(line)?.[1];
  return bare ? found('tsc', undefined, undefined, undefined, bare) : null;
}

/** Biome prints the rule in the heading and the message behind a cross, two lines below. */
function biome(line: string, lines: readonly string[], at: number): Found | null {
  if (!line.includes('━━')) return null;
  const message = lines.slice(at + 1, at + 6).find((text) => /^\s*[×✖!] /.test(text));
  const match =
    /^(\S{1,400}?)(?::(\d+):(\d+))? ((?:lint\/|assist\/|parse|format|organizeImports|suppressions\/)\S*) /.exec(
      line,
    );
  return match
    ? found('biome', match[1], match[2], match[3], `${match[4]} ${message?.trim().slice(2) ?? ''}`.trim())
    : null;
}

function packageManager(line: string): Found | null {
  const npm = /^npm (?:ERR!|error) (?:code )?(?!ELIFECYCLE)(E[A-Z0-9_]{2,30})\b(.*)$/.exec(line);
  if (npm) return found('npm', undefined, undefined, undefined, `${npm[1]}${npm[2] ?? ''}`);
  const pip =
    /^ERROR: ((?:Could not|No matching|Cannot install|ResolutionImpossible|Failed building).*)$/.exec(
      line,
    )?.[1];
  return pip ? found('pip', undefined, undefined, undefined, pip) : null;
}

function rust(line: string, next: string): Found | null {
  if (!line.startsWith('error')) return null;
  const message = /^error(?:\[E\d+\])?: (.*)$/.exec(line)?.[1];
  const place = message ? /^ +--> (.{1,400}):(\d+):(\d+)$/.exec(next) : null;
  return message && place ? found('rustc', place[1], place[2], place[3], message) : null;
}

/** Maven's compiler plug-in: `[ERROR] /src/A.java:[12,5] message`; Kotlin: `e: file:///A.kt:12:5 message`. */
function java(line: string): Found | null {
  const maven = line.startsWith('[ERROR] ')
    ? /^\[ERROR\] (\S{1,400}):\[(\d+)(?:,(\d+))?\] (.*)$/.exec(line)
    : null;
  if (maven) return found('javac', maven[1], maven[2], maven[3], maven[4]);
  const kotlin = line.startsWith('e: ')
    ? /^e: (?:file:\/\/)?(\S{1,400}?)(?:: \((\d+), (\d+)\)|:(\d+):(\d+)):? (.*)$/.exec(line)
    : null;
  return kotlin
    ? found('kotlinc', kotlin[1], kotlin[2] ?? kotlin[4], kotlin[3] ?? kotlin[5], kotlin[6])
    : null;
}

/** MSBuild and its kin: `A.cs(12,5): error CS1002: message`. */
function bracketed(line: string): Found | null {
  if (!line.includes('): ')) return null;
  const match = /^\s{0,20}([^\s(][^(]{0,400})\((\d+)(?:,(\d+))?\): (?:fatal )?error ?(.*)$/.exec(line);
  return match ? found('msbuild', match[1], match[2], match[3], match[4]) : null;
}

/** gcc, clang, javac, mypy, flake8, ruff, rubocop, go: `file:line[:column]: message`. */
function colons(line: string): Found | null {
  const text = line.replace(/^\s{0,12}(?:\[\w{1,20}\] )?/, '').slice(0, 800);
  const match = /^((?:[A-Za-z]:)?[^\s:][^:]{0,400}):(\d+)(?::(\d+))?: (.*)$/.exec(text);
  if (!match) return null;
  const [, file = '', row, column, rest = ''] = match;
  if (!/\.\w{1,6}$|^(?:GNU)?[Mm]akefile$|^Dockerfile$/.test(file)) return null;
  const stated = /^(?:fatal )?(?:error|ERROR)(?:\[[\w-]+\])?: ?(.*)$/.exec(rest);
  if (stated) return found('compiler', file, row, column, stated[1]);
  const coded =
    /^(?:[EFWCNDSBIP]\d{3,4}|[CFEW]: |undefined|cannot|declared and not used|syntax error|imported and not used|missing return|too many|not enough|invalid|unexpected)/.test(
      rest,
    );
  return coded && (column !== undefined || /\.(?:go|py|rb)$/.test(file))
    ? found('linter', file, row, column, rest)
    : null;
}

function found(
  tool: string,
  file: string | undefined,
  line: string | undefined,
  column: string | undefined,
  message: string | undefined,
): Found {
  return {
    tool,
    file: file?.trim() ?? null,
    line: line === undefined ? null : Number(line),
    column: column === undefined ? null : Number(column),
    message: oneSpace(message ?? ''),
  };
}

function oneSpace(text: string): string {
  return text.trim().replace(/\s+/g, ' ').slice(0, 500);
}
