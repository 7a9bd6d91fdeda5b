import type { Command } from './command.ts';

interface Route {
  from: string;
  to: string;
  since: string;
  by: string;
}

export const relayRoutes: Command = {
  usage: 'relay-routes   (which agent may write to which)',
  async run(api) {
    const routes = await api.list<Route>('/api/relay-routes');
    if (routes.length === 0) return 'No agent may write to another.';
    return routes
      .map(({ from, to, since, by }) => {
        const origin = by === 'default' ? 'from the first day' : `since ${since}, by ${by}`;
        return `${`${from} → ${to}`.padEnd(24)} ${origin}`;
      })
      .join('\n');
  },
};

export const relay: Command = {
  usage: 'relay allow|deny FROM TO',
  async run(api, [word, from, to]) {
    if ((word !== 'allow' && word !== 'deny') || !from || !to)
      throw new Error('say relay allow FROM TO, or relay deny FROM TO');
    const path = `/api/relay-routes/${encodeURIComponent(from)}/${encodeURIComponent(to)}`;
    await api.send(word === 'allow' ? 'PUT' : 'DELETE', path);
    return word === 'allow' ? `${from} may write to ${to}.` : `${from} may no longer write to ${to}.`;
  },
};
