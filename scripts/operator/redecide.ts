import type { Command } from './command.ts';

interface Decided {
  facts: { type: string; data: unknown }[];
  effects: { kind: string; data: unknown }[];
}

interface Redecision {
  events: number;
  differences: { seq: number; event: string; recorded: Decided; today: Decided | { error: string } }[];
}

export const redecide: Command = {
  usage: 'redecide INCIDENT   (where would today’s code decide otherwise? changes nothing)',
  async run(api, [id]) {
    if (!id) throw new Error('the incident id is missing');
    const { events, differences } = await api.send<Redecision>(
      'POST',
      `/api/incidents/${encodeURIComponent(id)}/redecide`,
    );
    if (differences.length === 0) return `Today’s code decides all ${events} events as they were decided.`;
    return [
      ...differences.flatMap(({ seq, event, recorded, today }) => [
        `${String(seq).padStart(5)}  ${event}`,
        ...linesOf('recorded', recorded),
        ...('error' in today ? [`         today     fails: ${today.error}`] : linesOf('today', today)),
      ]),
      `${differences.length} of ${events} events would be decided otherwise.`,
    ].join('\n');
  },
};

function linesOf(when: string, { facts, effects }: Decided): string[] {
  const said = [
    ...facts.map(({ type, data }) => `fact ${type} ${JSON.stringify(data)}`),
    ...effects.map(({ kind, data }) => `effect ${kind} ${JSON.stringify(data)}`),
  ];
  return (said.length > 0 ? said : ['nothing']).map((text) => `         ${when.padEnd(9)} ${text}`);
}
