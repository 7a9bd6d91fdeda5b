import type { Command } from './command.ts';

interface MessageLine {
  id: string;
  at: string;
  from: string;
  state: string;
  priority: number;
  position: number | null;
  text: string;
  reason: string | null;
}

export const messages: Command = {
  usage: 'messages GROUP   (what was said to it, whose turn it is, what waits)',
  async run(api, [group]) {
    if (!group) throw new Error('say of which group: ryan, sam, cody or team');
    const items = await api.list<MessageLine>(`/api/groups/${encodeURIComponent(group)}/messages`);
    if (items.length === 0) return 'No messages.';
    return items
      .map(({ id, at, from, state, priority, position, text, reason }) => {
        const place = position === null ? state : `${state} ${position}`;
        const line = text.replace(/\s+/g, ' ').slice(0, 80);
        return `${id}  ${at}  P${priority} ${place.padEnd(11)} ${from}: ${line}${reason ? ` (${reason})` : ''}`;
      })
      .join('\n');
  },
};

export const cancel: Command = {
  usage: 'cancel GROUP MESSAGE   (a waiting one never runs; of an active one the run is canceled)',
  async run(api, [group, id]) {
    if (!group || !id) throw new Error('say cancel GROUP MESSAGE; dogwatch messages GROUP lists them');
    const path = `/api/groups/${encodeURIComponent(group)}/messages/${encodeURIComponent(id)}/cancel`;
    const { status } = await api.send<{ status: string }>('POST', path);
    return status === 'canceling' ? `Its run is being canceled: ${id}` : `Canceled: ${id}`;
  },
};
