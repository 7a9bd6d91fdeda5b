import type { EffectBody, NotificationClass } from '../effects.ts';
import type { DecideContext } from '../loop.ts';
import { evolve } from './evolve.ts';
import type { PipelineFact } from './facts.ts';
import { WAIT_MS } from './policy.ts';
import type { Episode, PipelineState, Status } from './state.ts';

/**
 * A decision being put together. Each recorded fact is folded at once, so that what follows (a text, a next
 * step) sees the state that it leaves behind.
 */
export interface Draft {
  state: PipelineState;
  facts: PipelineFact[];
  effects: EffectBody[];
  context: DecideContext;
}

export function draftOf(state: PipelineState, context: DecideContext): Draft {
  return { state, facts: [], effects: [], context };
}

export function record(draft: Draft, fact: PipelineFact): void {
  draft.facts.push(fact);
  draft.state = evolve(draft.state, fact, draft.context.nowMs);
}

export function request(draft: Draft, effect: EffectBody): void {
  draft.effects.push(effect);
}

export function ignore(draft: Draft, event: string, reason: string): void {
  record(draft, { type: 'event_ignored', data: { event, reason } });
}

export function enter(draft: Draft, status: Status, wait: keyof typeof WAIT_MS | null): void {
  const timer = wait === null ? null : { name: wait, dueAt: draft.context.nowMs + WAIT_MS[wait] };
  record(draft, { type: 'status_changed', data: { status, timer } });
}

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
  request(draft, { kind: 'notify_operator', data: { message, class: notificationClass, text, buttons } });
  return message;
}

/** A message that stays between the agents: in the group's chat, without asking the agent to act. */
export function note(draft: Draft, group: string, from: string, text: string): void {
  const message = draft.context.id(
    'msg',
    `note:${episodeOf(draft).number}:${draft.state.newestBuild}:${group}:${from}:${text}`,
  );
  request(draft, { kind: 'post_message', data: { message, group, from, text, turn: false } });
}
