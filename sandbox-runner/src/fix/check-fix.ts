import { checkBranch } from './checks/branch.ts';
import { checkHistory, checkIdentity, checkNotEmpty } from './checks/commits.ts';
import { checkBinaries, checkLfsPointers } from './checks/contents.ts';
import { checkDependencies } from './checks/dependencies.ts';
import { checkFileCount, checkModes, checkPaths, checkSizes } from './checks/files.ts';
import { checkCollisions, checkNames } from './checks/names.ts';
import { checkSecrets } from './checks/secrets.ts';
import { checkScripts, checkTestsKept } from './checks/weakening.ts';
import type { Check, FixUnderCheck } from './fix-under-check.ts';
import type { Refusal } from './refusal.ts';

const CHECKS: readonly Check[] = [
  checkBranch,
  checkHistory,
  checkIdentity,
  checkNotEmpty,
  checkFileCount,
  checkNames,
  checkCollisions,
  checkPaths,
  checkModes,
  checkSizes,
  checkLfsPointers,
  checkBinaries,
  checkDependencies,
  checkScripts,
  checkTestsKept,
  checkSecrets,
];

/** All that is wrong at once, so that an agent need not find out one by one. */
export function checkFix(fix: FixUnderCheck): Refusal[] {
  return CHECKS.flatMap((check) => check(fix));
}
