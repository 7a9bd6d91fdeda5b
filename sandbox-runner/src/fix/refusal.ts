/** Why a fix is not taken. The reason is written for the agent that must mend it. */
export type RefusalCode =
  | 'not_a_fix_run'
  | 'already_accepted'
  | 'bundle_too_large'
  | 'bundle_unreadable'
  | 'head_missing'
  | 'not_on_base'
  | 'history_not_linear'
  | 'too_many_commits'
  | 'nothing_changed'
  | 'committer_identity'
  | 'bad_ref'
  | 'default_branch'
  | 'too_many_files'
  | 'forbidden_path'
  | 'strange_path'
  | 'path_collision'
  | 'lfs_pointer'
  | 'binary_file'
  | 'symlink'
  | 'submodule'
  | 'file_mode'
  | 'file_too_large'
  | 'diff_too_large'
  | 'new_dependency'
  | 'dependency_source'
  | 'install_script'
  | 'checked_script_changed'
  | 'test_removed'
  | 'test_disabled'
  | 'secret'
  | 'no_test'
  | 'no_command'
  | 'setup_failed'
  | 'not_red'
  | 'new_test_not_red'
  | 'not_green'
  | 'unavailable';

export interface Refusal {
  code: RefusalCode;
  reason: string;
}

/** What the contract of events takes. */
const MAX_REASON_LENGTH = 2_000;

export function refusal(code: RefusalCode, reason: string): Refusal {
  return { code, reason: reason.slice(0, MAX_REASON_LENGTH) };
}

/** A few of many, so that a reason stays readable. */
export function some(items: readonly string[], limit = 10): string {
  const shown = items.slice(0, limit).join(', ');
  return items.length > limit ? `${shown} and ${items.length - limit} more` : shown;
}
