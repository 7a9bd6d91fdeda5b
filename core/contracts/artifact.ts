import { z } from 'zod';

export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);
export const commitSchema = z.string().regex(/^[0-9a-f]{40}$/);

/** A large thing in R2, named by what it contains. */
export const artifactSchema = z.object({
  name: z.string().min(1).max(200),
  sha256: sha256Schema,
  sizeBytes: z.number().int().nonnegative(),
  contentType: z.string().max(100),
});
export type Artifact = z.infer<typeof artifactSchema>;
