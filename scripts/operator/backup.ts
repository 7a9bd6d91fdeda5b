import type { Command } from './command.ts';
import type { OperatorApi } from './operator-api.ts';
import { restore } from './restore.ts';

interface Manifest {
  day: string;
  at: string;
  pages: number;
  parts: number;
  sizeBytes: number;
}

interface Verified {
  day: string;
  checked: number;
  damaged: { key: string; problem: string }[];
  next: number | null;
}

export const backup: Command = {
  usage: 'backup [now|verify]   (what the newest manifest covers; make one; compare it with the bucket)',
  async run(api, [word]) {
    if (word === 'now') return lineOf(await makeManifest(api));
    if (word === 'verify') return verify(api);
    if (word !== undefined) throw new Error('say backup, backup now, or backup verify');
    const { manifest, restoring } = await api.get<{ manifest: Manifest | null; restoring: boolean }>(
      '/api/backup',
    );
    const lines = [manifest === null ? 'No manifest was made yet: dogwatch backup now' : lineOf(manifest)];
    if (restoring) lines.push('A restore is going on: nothing else works until it ends.');
    return lines.join('\n');
  },
};

export const restoreCommand: Command = {
  usage: 'restore   (into an empty instance, from the backup in its bucket)',
  run: (api) => restore(api, (line) => console.error(line)),
};

const lineOf = ({ day, at, parts, sizeBytes }: Manifest): string =>
  `Manifest of ${day}, made ${at}: ${parts} parts, ${(sizeBytes / 1_048_576).toFixed(1)} MB`;

async function makeManifest(api: OperatorApi): Promise<Manifest> {
  for (let page = 1; ; page++) {
    const made = await api.send<{ next: number | null; manifest?: Manifest }>(
      'POST',
      `/api/backup/manifest?page=${page}`,
    );
    if (made.manifest) return made.manifest;
  }
}

async function verify(api: OperatorApi): Promise<string> {
  let page: number | null = 1;
  let checked = 0;
  let day = '';
  const damaged: string[] = [];
  while (page !== null) {
    const part: Verified = await api.get(`/api/backup/verify?page=${page}`);
    checked += part.checked;
    day = part.day;
    damaged.push(...part.damaged.map(({ key, problem }) => `${key} is ${problem}`));
    page = part.next;
  }
  if (damaged.length > 0) throw new Error(`the backup is damaged:\n${damaged.join('\n')}`);
  return `All ${checked} parts of the manifest of ${day} are there, unaltered.`;
}
