import type { Check } from '../fix-under-check.ts';
import { type Refusal, refusal } from '../refusal.ts';

/** Refused whatever anyone calls the default branch. */
const ALWAYS_DEFAULT = ['refs/heads/main', 'refs/heads/master'];
/** What `git check-ref-format` allows, less everything that has a meaning to a shell or a refspec. */
const SANE_REF =
  /^refs\/heads\/(?!.*(?:\.\.|\/\/|\/\.|@\{|\.lock(?:\/|$)))[A-Za-z0-9][A-Za-z0-9._/@+-]*[A-Za-z0-9_+-]$/;

/** Where a push may go: a branch, well formed, and never the default one. Hosts may compare without case. */
export function checkRef(ref: string, defaultBranches: readonly string[]): Refusal | null {
  if (!SANE_REF.test(ref) || /^refs\/heads\/(refs\/|HEAD$)/i.test(ref))
    return refusal('bad_ref', `${ref} is not a branch that may be pushed.`);
  const defaults = [...ALWAYS_DEFAULT, ...defaultBranches].map((branch) => branch.toLowerCase());
  if (defaults.includes(ref.toLowerCase()))
    return refusal('default_branch', `${ref} is the default branch: nothing is pushed there.`);
  return null;
}

export const checkBranch: Check = ({ target }) => {
  const refused = checkRef(target.ref, [target.defaultBranch]);
  return refused ? [refused] : [];
};
