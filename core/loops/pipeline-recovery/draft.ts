import { DecisionDraft } from '../draft.ts';
import type { NotificationClass } from '../effects.ts';
import type { DecideContext } from '../loop.ts';
import { evolve } from './evolve.ts';
import type { PipelineFact } from './facts.ts';
import { WAIT_MS } from './policy.ts';
import type { Episode, PipelineState, Status } from './state.ts';

export type Draft = DecisionDraft<PipelineState, PipelineFact, Status, keyof typeof WAIT_MS>;

export const draftOf = (state: PipelineState, context: DecideContext): Draft =>
  new DecisionDraft(state, context, evolve, WAIT_MS);

/** The open episode; a bug if there is none, because callers have checked. */
export function episodeOf(draft: Draft): Episode {
  if (draft.state.episode === null) throw new Error('no episode is open');
  return draft.state.episode;
}

export function notify(
  draft: Draft,
  notificationClass: NotificationClass,
  text: string,
  buttons: { text: string; action: string }[] = [],
): string {
  const episode = episodeOf(draft);
  const message = draft.context.id(
    'msg',
    `${episode.number}:notify:${draft.state.attemptsEver}:${episode.failure.build}:${notificationClass}`,
  );
  draft.request({ kind: 'notify_operator', data: { message, class: notificationClass, text, buttons } });
  return message;
}

/** A message that stays between the agents: in the group's chat, without asking the agent to act. */
export function note(draft: Draft, group: string, from: string, text: string): void {
  const message = draft.context.id(
    'msg',
    `note:${episodeOf(draft).number}:${draft.state.newestBuild}:${group}:${from}:${text}`,
  );
  draft.request({ kind: 'post_message', data: { message, group, from, text, turn: false } });
}
