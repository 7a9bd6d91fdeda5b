export const scenarioNames = ['main', 'branch', 'restart', 'escalate', 'environment', 'lint'] as const;

export type ScenarioName = (typeof scenarioNames)[number];
