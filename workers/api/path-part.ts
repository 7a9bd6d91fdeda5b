import type { z } from 'zod';
import { Refusal } from '../problems.ts';

/** A part of a path. What cannot be one names a thing that does not exist. */
export function pathPart<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (!result.success) throw new Refusal('not_found', `no such ${what}`);
  return result.data;
}
