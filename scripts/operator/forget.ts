import type { Command } from './command.ts';

export const forget: Command = {
  usage: 'forget SUBJECT | forget GROUP MESSAGE   (a person’s text, for good, with its copies and backups)',
  async run(api, args) {
    const [first = '', message] = args;
    if (first === '' || (message === undefined && !first.startsWith('sub_')))
      throw new Error('say forget sub_…, or forget GROUP MESSAGE; dogwatch messages GROUP lists them');
    const path =
      message === undefined
        ? `/api/subjects/${encodeURIComponent(first)}`
        : `/api/groups/${encodeURIComponent(first)}/messages/${encodeURIComponent(message)}`;
    await api.send('DELETE', path);
    return `Deleted: ${message ?? first}. What Telegram delivered stays with its readers.`;
  },
};
