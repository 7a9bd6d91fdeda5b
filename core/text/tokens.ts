/**
 * Texts in journals and effects hold tokens instead of personal or large text; the shell puts the text in
 * when it performs the effect. `⟦sub:sub_…⟧` a subject's text, `⟦artifact:<sha256>⟧` the text of an artifact.
 */
const TOKEN = /⟦(sub|artifact):([A-Za-z0-9_]+)⟧/g;

export const subjectToken = (subject: string): string => `⟦sub:${subject}⟧`;
export const artifactToken = (sha256: string): string => `⟦artifact:${sha256}⟧`;

export interface Token {
  kind: 'sub' | 'artifact';
  id: string;
}

export function tokensIn(text: string): Token[] {
  return [...text.matchAll(TOKEN)].map((match) => ({
    kind: match[1] === 'sub' ? 'sub' : 'artifact',
    id: match[2] ?? '',
  }));
}

/** `lookup` gives the text for a token, already escaped for where it goes; undefined leaves `(deleted)`. */
export function resolveTokens(text: string, lookup: (token: Token) => string | undefined): string {
  return text.replace(
    TOKEN,
    (_, kind: string, id: string) => lookup({ kind: kind === 'sub' ? 'sub' : 'artifact', id }) ?? '(deleted)',
  );
}
