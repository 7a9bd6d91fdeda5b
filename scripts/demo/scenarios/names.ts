export const scenarioNames = [
  'main',
  'branch',
  'restart',
  'escalate',
  'environment',
  'lint',
  'approval',
] as const;

export type ScenarioName = (typeof scenarioNames)[number];
