/** Git's name for the tree without files. */
const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
const NOBODY = 'Dogwatch <workspace@dogwatch.invalid> 0 +0000';

/** A commit without files, the same wherever it is made: where work without a repository begins. */
export const EMPTY_COMMIT = '17d34e41f32d6e9d4efdfc022696ff0ec6109b7f';
export const EMPTY_COMMIT_TEXT = `tree ${EMPTY_TREE}\nauthor ${NOBODY}\ncommitter ${NOBODY}\n\nAn empty workspace\n`;
