import { z } from 'zod';
import manifest from '../../crew/manifest.json';

/** The crew’s groups: a folder each, no code. */
export const GROUPS: readonly string[] = Object.keys(manifest.agents).sort();

export const groupSchema = z.string().refine((group) => GROUPS.includes(group), 'there is no such group');
