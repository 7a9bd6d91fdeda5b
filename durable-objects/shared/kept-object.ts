import { DurableObject } from 'cloudflare:workers';
import type { Env } from '../../workers/env.ts';
import type { BackupAnswer, BackupOrder } from './backup.ts';
import type { KeptRpc } from './kept-rpc.ts';
import type { Upkeep } from './upkeep.ts';

/** An object with a store and its upkeep; what all of them answer, and their one alarm. */
export abstract class KeptObject<Outcome = void> extends DurableObject<Env> implements KeptRpc {
  /** A property and no method: what stands on the prototype can be called from outside. */
  protected abstract readonly upkeep: Upkeep<Outcome>;

  async poke(): Promise<void> {
    this.upkeep.wake();
  }

  async backup(order: BackupOrder): Promise<BackupAnswer> {
    return this.upkeep.backup(order);
  }

  override async alarm(): Promise<void> {
    this.upkeep.onAlarm();
  }
}
