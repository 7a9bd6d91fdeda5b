/** Azure DevOps said no, or could not be reached. `status` is null for the latter. Never holds a credential. */
export class AzureDevOpsError extends Error {
  readonly status: number | null;
  readonly retryable: boolean;
  readonly retryAfterMs: number | null;
  /** Short name of the exception on the other side, where it told one. */
  readonly typeKey: string | null;

  constructor(
    message: string,
    about: {
      status: number | null;
      retryable: boolean;
      retryAfterMs?: number | null;
      typeKey?: string | null;
      cause?: unknown;
    },
  ) {
    super(message, about.cause === undefined ? undefined : { cause: about.cause });
    this.name = 'AzureDevOpsError';
    this.status = about.status;
    this.retryable = about.retryable;
    this.retryAfterMs = about.retryAfterMs ?? null;
    this.typeKey = about.typeKey ?? null;
  }
}
