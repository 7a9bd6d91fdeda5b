/** How often a bot may send: overall, per chat and per group. Pure. */

export type RateLimits = {
  overallPerSecond: number;
  /** Messages a chat takes at once before one a second counts; Telegram tolerates short bursts. */
  chatBurst: number;
  chatPerSecond: number;
  groupPerMinute: number;
};

export const telegramLimits: RateLimits = {
  overallPerSecond: 30,
  chatBurst: 5,
  chatPerSecond: 1,
  groupPerMinute: 20,
};

export type SentBefore = { chatId: number; at: number };

/** Seconds to wait, or undefined where the message may go. `sent` holds accepted messages of the last minute. */
export function retryAfterSeconds(
  sent: readonly SentBefore[],
  chatId: number,
  isGroup: boolean,
  now: number,
  limits: RateLimits,
): number | undefined {
  const within = (windowMs: number, of?: number): SentBefore[] =>
    sent.filter((one) => one.at > now - windowMs && (of === undefined || one.chatId === of));
  const waits = [
    wait(within(1000), limits.overallPerSecond, 1000, now),
    // A bucket of `chatBurst` that fills at `chatPerSecond`, seen as a window.
    wait(
      within((limits.chatBurst / limits.chatPerSecond) * 1000, chatId),
      limits.chatBurst,
      (limits.chatBurst / limits.chatPerSecond) * 1000,
      now,
    ),
    isGroup ? wait(within(60_000, chatId), limits.groupPerMinute, 60_000, now) : 0,
  ];
  const longest = Math.max(...waits);
  return longest > 0 ? Math.ceil(longest / 1000) : undefined;
}

function wait(recent: readonly SentBefore[], limit: number, windowMs: number, now: number): number {
  const oldest = recent[recent.length - limit];
  return oldest === undefined ? 0 : Math.max(1, oldest.at + windowMs - now);
}
