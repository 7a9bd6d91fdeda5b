/** Who is who in the demo's Telegram: one chat per agent group, and the operator's own. */
export const OPERATOR = { id: 7001, first_name: 'Jan' };

export const CHATS = {
  operator: { id: OPERATOR.id, title: 'Jan (operator)' },
  ryan: { id: -1001, title: 'Ryan - DevOps' },
  sam: { id: -1002, title: 'Sam - Infra' },
  cody: { id: -1003, title: 'Cody - Dev' },
  team: { id: -1004, title: 'Team' },
} as const;

export type ChatName = keyof typeof CHATS;

export const telegramChatsSetting = Object.entries(CHATS)
  .map(([group, { id }]) => `${group}=${id}`)
  .join(',');
