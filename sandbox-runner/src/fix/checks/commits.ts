import type { Check } from '../fix-under-check.ts';
import { refusal, some } from '../refusal.ts';

const short = (sha: string) => sha.slice(0, 10);

/** A line of commits without merges: a fast-forward whose every step can be read. */
export const checkHistory: Check = ({ commits }) => {
  const merges = commits.filter(({ parents }) => parents.length !== 1);
  if (merges.length === 0) return [];
  return [
    refusal('history_not_linear', `No merge commits, please: ${some(merges.map(({ sha }) => short(sha)))}.`),
  ];
};

/** Commits are made under the identity that trusted code gave to the run, and no other. */
export const checkIdentity: Check = ({ commits, identity }) => {
  const strangers = commits.filter(
    ({ committer }) => committer.name !== identity.name || committer.email !== identity.email,
  );
  if (strangers.length === 0) return [];
  return [
    refusal(
      'committer_identity',
      `The committer must be ${identity.name} <${identity.email}>: ${some(strangers.map(({ sha }) => short(sha)))}.`,
    ),
  ];
};

/** Commits that undo one another are no fix. */
export const checkNotEmpty: Check = ({ net }) =>
  net.length > 0 ? [] : [refusal('nothing_changed', 'The commits change nothing compared to the base.')];
