/** One request a twin answered. `at` is ISO-8601 UTC; `notes` is whatever the twin adds (a model's name, a chat id). */
export type RequestLogEntry = {
  seq: number;
  at: string;
  method: string;
  path: string;
  query: string;
  status: number;
  durationMs: number;
  requestBytes: number;
  responseBytes: number;
  fault?: string;
  notes?: Record<string, unknown>;
};

export type RequestLog = {
  add(entry: Omit<RequestLogEntry, 'seq'>): RequestLogEntry;
  entries(): readonly RequestLogEntry[];
};

/** Keeps the newest `limit` entries; a twin that runs for days must not grow without end. */
export function createRequestLog(limit = 20_000): RequestLog {
  const kept: RequestLogEntry[] = [];
  let seq = 0;
  return {
    add(entry) {
      seq += 1;
      const stored = { seq, ...entry };
      kept.push(stored);
      if (kept.length > limit) kept.splice(0, kept.length - limit);
      return stored;
    },
    entries: () => kept,
  };
}
