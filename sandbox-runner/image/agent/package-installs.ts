/** Options of package managers that take the next word as their value. */
const VALUED = new Set([
  '--prefix',
  '-C',
  '-w',
  '--workspace',
  '--registry',
  '--cache',
  '--loglevel',
  '--omit',
  '--include',
  '--filter',
  '--cwd',
]);

/** The words that are not options, nor values of options. */
function operands(args: readonly string[]): string[] {
  const found: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? '';
    if (VALUED.has(word)) at += 1;
    else if (!word.startsWith('-')) found.push(word);
  }
  return found;
}

const ADDS_ALWAYS = new Set(['update', 'up', 'upgrade', 'udpate', 'link', 'ln']);
const INSTALLS = new Set(['install', 'i', 'add', 'in', 'ins', 'inst', 'isntall']);

/** Whether a call brings in what the lock file does not name. */
export function installsNewPackage(name: string, args: readonly string[]): boolean {
  const [verb = '', ...rest] = operands(args);
  switch (name) {
    case 'npm':
      return ADDS_ALWAYS.has(verb) || (INSTALLS.has(verb) && rest.length > 0);
    case 'yarn':
    case 'pnpm':
    case 'bun':
      return (
        ['add', 'up', 'update', 'upgrade', 'dlx'].includes(verb) ||
        (name !== 'yarn' && INSTALLS.has(verb) && rest.length > 0)
      );
    case 'apt':
    case 'apt-get':
    case 'apk':
    case 'yum':
    case 'dnf':
    case 'brew':
      return verb === 'install' || verb === 'add';
    case 'gem':
    case 'cpan':
      return verb === 'install';
    case 'cargo':
      return verb === 'add' || (verb === 'install' && !args.includes('--path'));
    case 'go':
      return verb === 'get' || (verb === 'install' && rest.some((word) => word.includes('@')));
    case 'composer':
      return verb === 'require';
    case 'dotnet':
      return verb === 'add' && args.includes('package');
  }
  if (/^pip[\d.]*$/.test(name)) return installsByPip(args);
  const pip = args.indexOf('pip');
  return (
    /^python[\d.]*$/.test(name) && args[pip - 1] === '-m' && pip > 0 && installsByPip(args.slice(pip + 1))
  );
}

const installsByPip = (args: readonly string[]): boolean =>
  args.includes('install') && !args.some((word) => /^(?:-r|--requirement)/.test(word));
