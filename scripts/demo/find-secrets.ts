import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** The file that workerd reads its settings from: the one place where secrets may lie. */
const LAWFUL = join('state', 'private');

const spellings = (secret: string): string[] => [
  secret,
  Buffer.from(secret).toString('base64'),
  Buffer.from(`:${secret}`).toString('base64'),
];

/**
 * Looks through everything a stage has written (databases, objects, R2, logs, transcripts, spools) for its secrets.
 * One line for each that lies where it must not; one too when the search cannot even find the lawful ones.
 */
export async function findSecrets(folder: string, secrets: Record<string, string>): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const faults: string[] = [];
  let foundLawfully = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = relative(folder, join(entry.parentPath, entry.name));
    // A file of a database may be gone again.
    const content = await readFile(join(folder, path)).catch(() => Buffer.alloc(0));
    for (const [name, secret] of Object.entries(secrets)) {
      if (!spellings(secret).some((text) => content.includes(text))) continue;
      if (path.startsWith(LAWFUL)) foundLawfully += 1;
      else faults.push(`the secret "${name}" lies in ${path}`);
    }
  }
  if (foundLawfully === 0) faults.push('the search for secrets is blind: it found none where they are kept');
  return faults;
}
