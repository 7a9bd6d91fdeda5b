import type { RunSpec } from '../../core/loops/effects.ts';
import { tokensIn } from '../../core/text/tokens.ts';
import type { Env } from '../../workers/env.ts';
import { incidentStub } from '../stubs.ts';

/** With people’s texts in the prompt: they are fetched when they are used, and not kept with the run. */
export async function withTexts(env: Env, spec: RunSpec): Promise<RunSpec> {
  if (tokensIn(spec.prompt).length === 0) return spec;
  return { ...spec, prompt: await incidentStub(env, spec.incident).resolveText(spec.prompt) };
}
