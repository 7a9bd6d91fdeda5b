/** What a command said, before anybody reads it. */

const MARK = '[redacted]';

/**
 * What the names contain under which programs are given secrets, in an environment, a file or on a command line.
 * Every repetition that is not the last of its pattern is bounded, for the text is from outside and may be
 * megabytes made to be slow.
 */
const SECRET_NAME =
  '(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|_pat|connection[_-]?string)[\\w.-]{0,40}';

const RULES: readonly { pattern: RegExp; replacement: string }[] = [
  {
    pattern:
      /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}-----|$)/g,
    replacement: MARK,
  },
  {
    pattern: /((?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,20}:\/\/[^\s:@/"']{0,200}:)[^\s@/"']{1,500}@/gi,
    replacement: `$1${MARK}@`,
  },
  {
    pattern: /\b(authorization["']?\s{0,8}[:=]\s{0,8}["']?(?:(?:basic|bearer|token)\s{1,8})?)[^\s"',]+/gi,
    replacement: `$1${MARK}`,
  },
  // NAME=value, "NAME": "value"; a value in quotes goes whole.
  {
    pattern: new RegExp(
      `(${SECRET_NAME}["']?\\s{0,8}[:=]\\s{0,8})(?:"[^"\\n]{0,4000}"|'[^'\\n]{0,4000}'|[^\\s"',;]+)`,
      'gi',
    ),
    replacement: `$1${MARK}`,
  },
  {
    pattern: new RegExp(`((?<![\\w-])--[\\w-]{0,40}${SECRET_NAME}\\s{1,8})[^\\s-]\\S*`, 'gi'),
    replacement: `$1${MARK}`,
  },
  {
    pattern:
      /\bsk-ant-[\w-]{20,}|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_\w{36,}|\bgithub_pat_\w{50,}|\b[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}\b|(?<![\w-])eyJ[\w-]{10,4000}\.eyJ[\w-]{10,8000}\.[\w-]{10,}|\bxox[abeoprs]-[\w-]{20,}|\b\d{8,10}:AA[\w-]{33}\b|\bAIza[\w-]{35}\b|\bnpm_\w{36}\b/g,
    replacement: MARK,
  },
];

/** Strikes out what looks like a secret. Best effort: shapes and names, not understanding. */
export function redactHostOutput(text: string): string {
  return RULES.reduce((clean, { pattern, replacement }) => clean.replace(pattern, replacement), text);
}

/** Terminal sequences and control characters say nothing to a model and may deceive a person. */
export function withoutControls(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
      .replace(/\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-_])/g, '')
      .replace(/\r\n?/g, '\n')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '')
  );
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Head and tail, of whole characters, with what is left out said between them. */
export function headAndTail(text: string, maxBytes: number): string {
  const bytes = encoder.encode(text);
  if (bytes.length <= maxBytes) return text;
  const half = Math.floor((maxBytes - 80) / 2);
  const head = decoder.decode(bytes.subarray(0, half)).replace(/\ufffd+$/, '');
  const tail = decoder.decode(bytes.subarray(bytes.length - half)).replace(/^\ufffd+/, '');
  return `${head}\n… ${bytes.length - 2 * half} bytes left out …\n${tail}`;
}
