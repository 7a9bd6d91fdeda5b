/** `*` stays within a folder, `**` crosses folders, `**\/` may be nothing; case does not matter, as on some hosts. */
export function matchesPattern(path: string, pattern: string): boolean {
  const source = pattern
    .split(/(\*\*\/|\*\*|\*|\?)/)
    .map((part) => {
      if (part === '**/') return '(?:.*/)?';
      if (part === '**') return '.*';
      if (part === '*') return '[^/]*';
      if (part === '?') return '[^/]';
      return part.replace(/[.+^${}()|[\]\\]/g, '\\$&');
    })
    .join('');
  return new RegExp(`^${source}$`, 'i').test(path);
}

const TEST_FILE = [
  /\.(test|spec)\.[^/]+$/,
  /(^|\/)(test|tests|__tests__|spec)\//,
  /(^|\/)test[_-][^/]+\.[^/]+$/,
  /[_-]test\.[^/]+$/,
];

/** Whether a file belongs to the tests, by where it is or how it is named. */
export function isTestFile(path: string): boolean {
  return TEST_FILE.some((pattern) => pattern.test(path));
}
