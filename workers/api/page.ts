import { z } from 'zod';
import { Refusal } from '../problems.ts';

const pageSchema = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z
    .string()
    .max(200)
    // A row's place: a time or number, and what tells rows of one moment apart.
    .regex(/^\d{1,16}(?:~.+)?$/, 'not a cursor of this list')
    .nullish()
    .transform((cursor) => cursor ?? null),
});

export interface Page {
  limit: number;
  cursor: string | null;
}

/** `?limit=` (1–200, default 50) and `?cursor=` of a list. Throws a Refusal on anything else. */
export function pageOf(query: Record<string, string>): Page {
  const parsed = pageSchema.safeParse({ limit: query.limit, cursor: query.cursor });
  if (!parsed.success) throw new Refusal('bad_request', z.prettifyError(parsed.error));
  return parsed.data;
}
