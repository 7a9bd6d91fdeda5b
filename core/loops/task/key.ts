const PREFIX = 'task/';

/** `id` is the sender's own: the same request is the same task. */
export const taskKey = (source: string, id: string): string => `${PREFIX}${source}/${id}`;

export const isTaskKey = (key: string): boolean => key.startsWith(PREFIX);
