import type { Check } from '../fix-under-check.ts';
import { refusal, some } from '../refusal.ts';

/** Only shapes that are hardly ever anything else: a false alarm would stop a good fix. */
const SHAPES: readonly { name: string; pattern: RegExp }[] = [
  { name: 'a private key', pattern: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----/ },
  { name: 'an Anthropic key', pattern: /\bsk-ant-[A-Za-z0-9_-]{20,}/ },
  { name: 'an AWS key', pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/ },
  { name: 'a GitHub token', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})/ },
  { name: 'an Azure DevOps token', pattern: /\b[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}\b/ },
  {
    name: 'an Azure DevOps token',
    pattern: /(?:pat|token|secret|password)["']?\s*[:=]\s*["']?[a-z2-7]{52}\b/i,
  },
  { name: 'a JSON web token', pattern: /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/ },
  { name: 'a Slack token', pattern: /\bxox[abeoprs]-[A-Za-z0-9-]{20,}/ },
  { name: 'a Telegram bot token', pattern: /\b\d{8,10}:AA[A-Za-z0-9_-]{33}\b/ },
  { name: 'a Google key', pattern: /\bAIza[0-9A-Za-z_-]{35}\b/ },
  { name: 'a registry token', pattern: /\bnpm_[A-Za-z0-9]{36}\b/ },
];

export function secretIn(text: string): string | null {
  return SHAPES.find(({ pattern }) => pattern.test(text))?.name ?? null;
}

/** Looks at every added line of every commit, and at what the commits say: all of it is pushed. */
export const checkSecrets: Check = ({ historyLines, commits, redact }) => {
  const inspect = (where: string, text: string): string[] => {
    const name = redact(text) === text ? secretIn(text) : 'a secret of ours';
    return name === null ? [] : [`${where} looks like ${name}`];
  };
  const found = [
    ...historyLines
      .filter(({ kind }) => kind === 'added')
      .flatMap(({ path, line, text }) => inspect(`${path}:${line}`, text)),
    ...commits.flatMap(({ sha, message, author }) =>
      inspect(`commit ${sha.slice(0, 10)}`, `${message}\n${author.name} ${author.email}`),
    ),
  ];
  if (found.length === 0) return [];
  return [refusal('secret', `${some(found)}. Take it out of every commit, not only the last.`)];
};
