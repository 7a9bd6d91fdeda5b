import type { OperatorApi } from './operator-api.ts';

interface Verification {
  rows: number;
  fault: { seq: number; fault: string } | null;
  head: { seq: number; hash: string };
  cursor: string | null;
}

/** Checks one chain of the audit log, or all of them, to the end. Throws when one does not hold. */
export async function verifyAudit(api: OperatorApi, wanted: string | undefined): Promise<string> {
  const chains = wanted ? [wanted] : await api.list<string>('/api/audit/chains?limit=200', 1_000_000);
  const lines: string[] = [];
  const faults: string[] = [];
  for (const chain of chains) {
    const { rows, fault, head } = await verifyChain(api, chain);
    if (fault) faults.push(`${chain}: ${fault.fault} at ${fault.seq}`);
    else
      lines.push(`ok  ${chain.padEnd(32)} ${String(rows).padStart(7)} rows, head ${head.hash.slice(0, 16)}`);
  }
  if (faults.length > 0) throw new Error(`the log does not hold:\n${faults.join('\n')}`);
  return [...lines, `${lines.length} chains hold.`].join('\n');
}

async function verifyChain(api: OperatorApi, chain: string): Promise<Verification> {
  let rows = 0;
  let cursor: string | null = null;
  for (;;) {
    const query = new URLSearchParams(cursor === null ? { chain } : { chain, cursor });
    const part: Verification = await api.get(`/api/audit/verify?${query}`);
    rows += part.rows;
    if (part.cursor === null) return { ...part, rows };
    cursor = part.cursor;
  }
}
