import { usd } from '../../core/cost/usd.ts';
import type { Command } from './command.ts';

interface Budget {
  caps: {
    cap: string;
    period: string;
    group: string | null;
    capMicroUsd: number;
    spentMicroUsd: number;
    reservedMicroUsd: number;
    level: string;
  }[];
  override: { until: string; by: string } | null;
  problem: string | null;
}

export const budget: Command = {
  usage:
    'budget [override on|off]   (P0 and people pass the 90% and the dispatch cap until the UTC day ends)',
  async run(api, [word, state]) {
    if (word === undefined) return shown(await api.get<Budget>('/api/budget'));
    if (word !== 'override' || (state !== 'on' && state !== 'off'))
      throw new Error('say budget, budget override on, or budget override off');
    const { until } = await api.send<{ until: string | null }>('POST', '/api/budget/override', {
      on: state === 'on',
    });
    return until === null
      ? 'From 90% of a cap nothing new begins.'
      : `P0 and people may pass the 90% of every cap until ${until}.`;
  },
};

function shown({ caps, override, problem }: Budget): string {
  const lines = caps.map(
    ({ cap, period, group, capMicroUsd, spentMicroUsd, reservedMicroUsd, level }) =>
      `${(group ?? cap).padEnd(10)} ${period.padEnd(10)} ${usd(spentMicroUsd)} of ${usd(capMicroUsd)} spent, ${usd(reservedMicroUsd)} reserved: ${level}`,
  );
  if (problem !== null) lines.push(`Nothing new begins: ${problem}`);
  if (override !== null) lines.push(`Urgent work passes the 90% until ${override.until}, by ${override.by}.`);
  if (lines.length > 0) return lines.join('\n');
  return 'No cap is set: MONTHLY_BUDGET_USD, DAILY_BUDGET_USD, GROUP_DAILY_BUDGET_USD.';
}
