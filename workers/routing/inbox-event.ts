import type { AzureDevOpsEvent } from '../intake/azure-devops/parse.ts';

export interface TelegramPlace {
  chat: string;
  thread: number | null;
}

/** What an Inbox keeps of an accepted event until it is delivered. */
export type InboxPayload =
  | AzureDevOpsEvent
  | {
      kind: 'operator_text';
      place: TelegramPlace;
      /** The message’s own id, to answer to. */
      message: number;
      text: string;
      /** Written by somebody else; absent in events of an earlier deploy. */
      isForwarded?: boolean;
      /** The message that it is a reply to; in a topic that may be the topic's first. */
      repliesTo?: number;
      /** The sender’s name as Telegram has it. */
      by: string;
    }
  | {
      kind: 'decision';
      incident: string;
      attempt: number;
      verdict: 'approved' | 'denied';
      by: string;
      via: 'telegram' | 'api';
      /** Telegram’s id of the pressed button, to stop its spinner. */
      callback: string | null;
    }
  /** A piece of a schedule’s firing; what it is to do the Scheduler knows. */
  | { kind: 'scheduled'; firing: string; part: number }
  /** A button that means nothing to us: only its spinner is stopped. */
  | { kind: 'stray_button'; callback: string };

/** How delivering ended. `refused`: kept for inspection. */
export interface Delivered {
  status: 'delivered' | 'ignored' | 'closed' | 'refused';
  /** The incident or group that got it. */
  target: string | null;
  reason: string | null;
}
