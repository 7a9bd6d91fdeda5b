import type { Command } from './command.ts';

interface Runner {
  name: string;
  lastSeenAt: string | null;
  capacity: number | null;
  running: number;
  problems: string[];
  drained: boolean;
}

export const runners: Command = {
  usage: 'runners [drain|undrain NAME|all]   (a drained runner finishes what it has)',
  async run(api, [word, name]) {
    if (word === undefined) {
      const items = await api.list<Runner>('/api/runners');
      return items.map(lineOf).join('\n') || 'No runner is configured: set RUNNER_URLS.';
    }
    if ((word !== 'drain' && word !== 'undrain') || !name)
      throw new Error('say runners, runners drain NAME, or runners undrain NAME (or all)');
    const answer = await api.send<{ runners: string[] }>(
      'POST',
      `/api/runners/${encodeURIComponent(name)}/${word}`,
    );
    const names = answer.runners.join(', ');
    return word === 'drain' ? `Drained: ${names}; what runs there finishes.` : `Takes work again: ${names}.`;
  },
};

function lineOf({ name, lastSeenAt, capacity, running, problems, drained }: Runner): string {
  const room = capacity === null ? 'capacity unknown' : `${running} of ${capacity}`;
  const seen = lastSeenAt === null ? '' : `, seen ${lastSeenAt}`;
  const trouble = problems.length === 0 ? '' : `; ${problems.join('; ')}`;
  return `${name.padEnd(20)} ${room}${drained ? ', drained' : ''}${seen}${trouble}`;
}
