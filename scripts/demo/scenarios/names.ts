export const scenarioNames = [
  'main',
  'branch',
  'restart',
  'escalate',
  'environment',
  'lint',
  'steer',
  'approval',
  'failover',
  'no-hooks',
  'stop',
] as const;

export type ScenarioName = (typeof scenarioNames)[number];
