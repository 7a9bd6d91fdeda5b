export type Model = { id: string; displayName: string; createdAt: string; minCacheTokens: number };

/** The smallest prompt that is cached differs by family, as the prompt-caching guide says. */
export const models: readonly Model[] = [
  {
    id: 'claude-opus-5-5',
    displayName: 'Claude Opus 5.5',
    createdAt: '2026-08-18T00:00:00Z',
    minCacheTokens: 1024,
  },
  {
    id: 'claude-sonnet-5-5',
    displayName: 'Claude Sonnet 5.5',
    createdAt: '2026-07-21T00:00:00Z',
    minCacheTokens: 1024,
  },
  {
    id: 'claude-haiku-5-5',
    displayName: 'Claude Haiku 5.5',
    createdAt: '2026-09-08T00:00:00Z',
    minCacheTokens: 2048,
  },
  {
    id: 'claude-fable-5-1',
    displayName: 'Claude Fable 5.1',
    createdAt: '2026-06-02T00:00:00Z',
    minCacheTokens: 1024,
  },
];

/** Accepts a model's alias and its dated variant (`claude-opus-5-5-20260818`). */
export function findModel(name: string): Model | undefined {
  return models.find((model) => name === model.id || name.replace(/-\d{8}$/, '') === model.id);
}

export function describeModel(model: Model): Record<string, string> {
  return { type: 'model', id: model.id, display_name: model.displayName, created_at: model.createdAt };
}
