/** What the gateway answers to `GET /dogwatch/task`. Holds no secret: the container may read all of it. */
export interface AgentTask {
  run: string;
  /** System prompt, whole: nothing of the checkout is added to it. */
  charter: string;
  prompt: string;
  model: string;
  /** For the SDK's own small calls. */
  auxiliaryModel: string;
  limits: { maxTurns: number; budgetUsd: number };
  workspace: {
    /** An absolute path. */
    folder: string;
    /** Where the work begins. */
    commit: string;
    /** Where that commit is fetched from; null: it is the one of an empty workspace. */
    source: { project: string; repository: string; ref: string } | null;
  };
  identity: { name: string; email: string };
  tools: string[];
  /** What kind of result `report` gives. */
  result: 'fix' | 'report';
  /** Where an earlier session of this run stopped; `bundle` is a Git bundle in base64, null: nothing was done. */
  checkpoint: { head: string; uncommitted: string | null; bundle: string | null } | null;
}

/** `digest` is equal when no file changed; `files`: changed or new, not committed. */
export interface WorkspaceLook {
  digest: string;
  files: number;
}

/** What the agent says of its own end, `POST /dogwatch/ended`; the exit code says the same in a number. */
export interface AgentEnd {
  reason: 'completed' | 'budget' | 'crashed' | 'start_failed';
  detail: string;
  turns: number;
}

export const EXIT_CODES: Record<AgentEnd['reason'], number> = {
  completed: 0,
  crashed: 1,
  budget: 4,
  start_failed: 5,
};

/** A line of the tool ledger, `POST /dogwatch/events`. Texts are clipped to 4 KB. */
export type AgentEvent =
  | {
      type: 'tool';
      id: string;
      name: string;
      phase: 'requested' | 'denied' | 'succeeded' | 'failed';
      input: string | null;
      output: string | null;
      durationMs: number | null;
      /** After a call that may have changed files. */
      workspace?: WorkspaceLook | null;
    }
  | { type: 'compacted' }
  /** The model has nothing more to do, unless the answer has a notice for it. */
  | { type: 'stopping' }
  | { type: 'said'; text: string }
  | { type: 'turn'; turns: number };

/** What the runner answers to a line of the ledger. */
export interface EventAnswer {
  /** The call may not be made; why. */
  block?: string;
  /** To be told to the model. */
  notice?: string;
  /** The work is to be kept now. */
  checkpoint?: boolean;
}

export interface ToolReply {
  text: string;
  isError: boolean;
}
