import type { OperatorApi } from './operator-api.ts';

/** A word of the CLI. Gives what is printed; throws what went wrong, in one sentence with the way out. */
export interface Command {
  usage: string;
  run(api: OperatorApi, args: string[]): Promise<string>;
}
