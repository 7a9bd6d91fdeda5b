/**
 * Faults a test asks a twin for: the next `times` requests that match answer `status`, or wait `delayMs` first,
 * or lose their connection. `drop: 'after'` performs the request, then cuts the line: the ambiguous case.
 */
export type Fault = {
  id: number;
  method?: string;
  /** Matched as a regular expression against the path and query. Absent: every path. */
  path?: string;
  times: number;
  status?: number;
  delayMs?: number;
  drop?: 'before' | 'after';
  retryAfterSeconds?: number;
  body?: string;
};

export type FaultRequest = Omit<Fault, 'id' | 'times'> & { times?: number };

export type FaultBook = {
  add(fault: FaultRequest): Fault;
  /** Uses up one of the first matching fault's times. */
  take(method: string, pathAndQuery: string): Fault | undefined;
  list(): readonly Fault[];
  clear(): void;
};

export function createFaultBook(): FaultBook {
  let faults: Fault[] = [];
  let nextId = 1;
  return {
    add(request) {
      const fault: Fault = { ...request, id: nextId, times: request.times ?? 1 };
      if (fault.path !== undefined) new RegExp(fault.path);
      nextId += 1;
      faults.push(fault);
      return fault;
    },
    take(method, pathAndQuery) {
      const fault = faults.find((candidate) => matchesFault(candidate, method, pathAndQuery));
      if (!fault) return undefined;
      fault.times -= 1;
      faults = faults.filter((candidate) => candidate.times > 0);
      return fault;
    },
    list: () => faults,
    clear() {
      faults = [];
    },
  };
}

export function matchesFault(fault: Fault, method: string, pathAndQuery: string): boolean {
  if (fault.times < 1) return false;
  if (fault.method && fault.method.toUpperCase() !== method) return false;
  return fault.path === undefined || new RegExp(fault.path, 'i').test(pathAndQuery);
}

export function describeFault(fault: Fault): string {
  const parts = [
    fault.delayMs === undefined ? undefined : `slow ${fault.delayMs} ms`,
    fault.drop === undefined ? undefined : `dropped ${fault.drop} handling`,
    fault.status === undefined ? undefined : `status ${fault.status}`,
  ];
  return parts.filter((part) => part !== undefined).join(', ') || 'no effect';
}
