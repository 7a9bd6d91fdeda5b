import type { BackupAnswer, BackupOrder } from './backup.ts';

/** What every object answers to the others. All that objects answer is idempotent by the id or key that it is given. */
export interface KeptRpc {
  /** Does what its alarm should have done. */
  poke(): Promise<void>;
  backup(order: BackupOrder): Promise<BackupAnswer>;
}
