const PREFIX = 'admin-request/';

/** One request is one incident. */
export const adminRequestKey = (intent: string): string => `${PREFIX}${intent}`;

export const isAdminRequestKey = (key: string): boolean => key.startsWith(PREFIX);
