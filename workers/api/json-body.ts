import { z } from 'zod';
import { readBody } from '../intake/body.ts';
import { Refusal } from '../problems.ts';

/** A dry-run may carry a whole hook of 2 MB, escaped as a JSON string. */
const MAX_BODY_BYTES = 5 * 1024 * 1024;

/** Throws a Refusal: 413 for too large, 400 for no JSON or the wrong shape. */
export async function jsonBody<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
  const body = await readBody(request, MAX_BODY_BYTES);
  if (body.truncated) throw new Refusal('too_large', `at most ${MAX_BODY_BYTES} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(body.text);
  } catch {
    throw new Refusal('bad_request', 'the body is not JSON');
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new Refusal('invalid_body', z.prettifyError(parsed.error));
  return parsed.data;
}
