/** What a week of the audit log comes to, in figures. */
export interface WeekFacts {
  fromMs: number;
  toMs: number;
  /** How often each action was taken. */
  actions: Record<string, number>;
  /** How often an incident came to each end. */
  ends: Record<string, number>;
  deniedTools: number;
  refusedPushes: number;
  deadLetters: { new: number; open: number };
  agents: { group: string; runs: number; calls: number; microUsd: number }[];
}

const MAX_AGENTS = 20;

export async function fetchWeekFacts(d1: D1Database, fromMs: number, toMs: number): Promise<WeekFacts> {
  const within = (sql: string) => d1.prepare(sql).bind(fromMs, toMs);
  const [actions, ends, details, letters, agents] = await d1.batch([
    within('SELECT action, count(*) AS n FROM audit WHERE at >= ? AND at < ? GROUP BY action'),
    within(
      `SELECT json_extract(data, '$.data.status') AS status, count(*) AS n FROM audit
       WHERE action = 'status_changed' AND at >= ? AND at < ? GROUP BY status`,
    ),
    within(
      `SELECT sum(action = 'tool' AND json_extract(data, '$.data.phase') = 'denied') AS deniedTools,
         sum(action = 'received:intent_performed'
           AND json_extract(data, '$.data.event.data.outcome.outcome') = 'refused') AS refusedPushes
       FROM audit WHERE action IN ('tool', 'received:intent_performed') AND at >= ? AND at < ?`,
    ),
    within(
      `SELECT coalesce(sum(at >= ? AND at < ?), 0) AS new, count(*) AS open FROM dead_letters WHERE state = 'dead'`,
    ),
    within(
      `SELECT agent_group AS "group", count(DISTINCT run) AS runs, count(*) AS calls, sum(micro_usd) AS microUsd
       FROM costs WHERE at >= ? AND at < ? GROUP BY agent_group ORDER BY microUsd DESC LIMIT ${MAX_AGENTS}`,
    ),
  ]);
  const counted = (rows: unknown[] | undefined, name: string): Record<string, number> =>
    Object.fromEntries(
      ((rows ?? []) as Record<string, string | number>[]).map((row) => [String(row[name]), Number(row.n)]),
    );
  const detail = details?.results[0] as { deniedTools: number | null; refusedPushes: number | null };
  return {
    fromMs,
    toMs,
    actions: counted(actions?.results, 'action'),
    ends: counted(ends?.results, 'status'),
    deniedTools: detail.deniedTools ?? 0,
    refusedPushes: detail.refusedPushes ?? 0,
    deadLetters: letters?.results[0] as { new: number; open: number },
    agents: (agents?.results ?? []) as WeekFacts['agents'],
  };
}
