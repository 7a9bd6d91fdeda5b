/** One line per happening. What is logged never holds a configured secret: it is struck out on the way. */
export interface Logger {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** Shorter values would strike out ordinary words. */
const MIN_SECRET_LENGTH = 8;

/** Replaces every given secret, also in its Base64 and percent-encoded spellings. */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  const spellings = secrets
    .filter((secret) => secret.length >= MIN_SECRET_LENGTH)
    .flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      Buffer.from(secret).toString('base64'),
      Buffer.from(`:${secret}`).toString('base64'),
      JSON.stringify(secret).slice(1, -1),
    ]);
  const longestFirst = [...new Set(spellings)].sort((a, b) => b.length - a.length);
  return (text) => longestFirst.reduce((clean, secret) => clean.replaceAll(secret, '[redacted]'), text);
}

function describe(value: unknown): unknown {
  if (value instanceof Error)
    return value.cause ? `${value.message} (${describe(value.cause)})` : value.message;
  return value;
}

export function createLogger(options: {
  redact: (text: string) => string;
  write: (line: string) => void;
  nowMs: () => number;
}): Logger {
  const log = (level: string) => (message: string, fields?: Record<string, unknown>) => {
    const at = new Date(options.nowMs()).toISOString();
    const rest = fields ? ` ${JSON.stringify(fields, (_key, value: unknown) => describe(value))}` : '';
    options.write(options.redact(`${at} ${level} ${message}${rest}`));
  };
  return { info: log('info'), warn: log('warn'), error: log('error') };
}

export const silentLogger: Logger = { info: () => {}, warn: () => {}, error: () => {} };
