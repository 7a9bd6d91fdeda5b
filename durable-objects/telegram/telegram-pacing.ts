/**
 * The limits of the Bot API (https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this),
 * kept with a little room: clocks and networks are not exact.
 */
const PER_CHAT_MS = 1_050;
const GROUP_SENDS = 20;
const GROUP_WINDOW_MS = 61_000;
const OVERALL_SENDS = 28;
const OVERALL_WINDOW_MS = 1_000;

/** Sends older than this no longer count. */
export const PACING_WINDOW_MS = GROUP_WINDOW_MS;

export interface Sent {
  chat: string;
  at: number;
}

/** Groups and channels have negative ids or names; private chats have positive ids. */
const isGroup = (chat: string): boolean => /^[-@]/.test(chat);

/** The earliest time at which something may go to this chat, given what was sent lately (oldest first). */
export function nextSlotAt(sent: readonly Sent[], chat: string): number {
  const here = sent.filter((one) => one.chat === chat);
  const waits = [
    (here.at(-1)?.at ?? Number.NEGATIVE_INFINITY) + PER_CHAT_MS,
    (sent.at(-OVERALL_SENDS)?.at ?? Number.NEGATIVE_INFINITY) + OVERALL_WINDOW_MS,
  ];
  if (isGroup(chat)) waits.push((here.at(-GROUP_SENDS)?.at ?? Number.NEGATIVE_INFINITY) + GROUP_WINDOW_MS);
  return Math.max(0, ...waits);
}
