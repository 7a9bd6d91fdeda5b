import type { UsageSum } from '../../twins/anthropic/usage/totals.ts';
import type { Scenario } from './scenarios/scenario.ts';

export interface Outcome {
  status: string | null;
  /** Texts of the operator's chat as they were first sent, in order. */
  operatorMessages: string[];
  replayIdentical: boolean;
  /** Sums of the cost rows. */
  tokens: { input: number; output: number; cacheRead: number; cacheWrite: number; calls: number };
  served: UsageSum | null;
}

/** What is not as the scenario promises; empty when all is. */
export function findFaults(scenario: Scenario, outcome: Outcome): string[] {
  const faults: string[] = [];
  if (outcome.status !== scenario.expectedStatus)
    faults.push(`the incident is ${outcome.status ?? 'missing'}, not ${scenario.expectedStatus}`);
  const { operatorMessages } = outcome;
  const fits = scenario.expectedMessages.every((beginning, index) =>
    operatorMessages[index]?.startsWith(beginning),
  );
  if (!fits || operatorMessages.length !== scenario.expectedMessages.length) {
    const got = operatorMessages.map((text) => `  - ${text.split('\n')[0]}`).join('\n');
    faults.push(
      `the operator should have heard exactly ${scenario.expectedMessages.length} messages:\n${got}`,
    );
  }
  for (const text of operatorMessages)
    if (text.length > 1_500) faults.push(`a message of ${text.length} characters is too long for a phone`);
  if (!outcome.replayIdentical) faults.push('the replay of the journal reached another state');
  faults.push(...costFaults(outcome));
  return faults;
}

function costFaults({ tokens, served }: Outcome): string[] {
  if (served === null) return [];
  const pairs: [string, number, number][] = [
    ['calls', tokens.calls, served.requests],
    ['input tokens', tokens.input, served.input_tokens],
    ['output tokens', tokens.output, served.output_tokens],
    ['cache-read tokens', tokens.cacheRead, served.cache_read_input_tokens],
    ['cache-write tokens', tokens.cacheWrite, served.cache_creation_input_tokens],
  ];
  return pairs
    .filter(([, rows, truth]) => rows !== truth)
    .map(([what, rows, truth]) => `cost rows say ${rows} ${what}, the model served ${truth}`);
}
