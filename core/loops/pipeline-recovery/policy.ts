/** Figures of row B2 and the time that each state may take. Recorded facts carry what was decided with them. */
export const MAX_BUILDS_WITH_SAME_STEP = 3;
export const MAX_ATTEMPTS = 6;
/** A run that ends without a result is tried once more; then a human looks. */
export const MAX_RUN_LOSSES = 1;

/** Below this Ryan's word is not enough to call a failure explained. */
export const MIN_CONFIDENCE_TO_EXPLAIN = 0.3;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export const WAIT_MS = {
  evidence: 15 * MINUTE,
  judgement: HOUR,
  hand_off: 6 * HOUR,
  fix: 3 * HOUR,
  push: 30 * MINUTE,
  approval: 72 * HOUR,
  /** No build of the pull request by then: perhaps the repository has none. */
  own_build: 20 * MINUTE,
  verification: HOUR,
} as const;

/** These wait for agents, who do nothing while everything is stopped. */
export const AGENT_TIMERS: readonly string[] = ['judgement', 'hand_off', 'fix'];

/** How often a missing verifying build is looked for before a human is asked. */
export const MAX_VERIFICATION_LOOKS = 4;

export const MAX_FILES = 100;

/** Changing these needs permission of its own: they decide what runs, and as whom. */
export const FORBIDDEN_PATHS = [
  'azure-pipelines*.yml',
  'azure-pipelines*.yaml',
  '.azure-pipelines/**',
  '.azuredevops/**',
  '.github/**',
  '**/CLAUDE.md',
  '.claude/**',
  '**/.npmrc',
  '**/.gitattributes',
  '.gitmodules',
  '.husky/**',
  '.git/**',
];
