import { auditSearchInputSchema } from '../../core/contracts/audit-search.ts';
import type { LightTool } from '../../workers/adapters/anthropic.ts';
import { searchForAgent } from '../../workers/audit/search-for-agent.ts';
import type { Env } from '../../workers/env.ts';

const text = { type: 'string', maxLength: 200 } as const;

/** `audit_search` of a light run. */
export const auditSearchTool = (env: Env, run: string): LightTool => ({
  name: 'audit_search',
  description:
    'Searches the audit log of everything that was done here, newest first. Every filter narrows it; text is looked for anywhere in a row.',
  inputSchema: {
    type: 'object',
    properties: {
      incident: text,
      run: text,
      action: text,
      actor: text,
      text,
      limit: { type: 'integer', minimum: 1, maximum: 50 },
    },
    additionalProperties: false,
  },
  async use(input) {
    const parsed = auditSearchInputSchema.safeParse(input);
    if (!parsed.success) return { text: parsed.error.issues[0]?.message ?? 'not a search', isError: true };
    return { text: await searchForAgent(env, parsed.data, run), isError: false };
  },
});
