import type { RunRequest } from '../../../core/contracts/run.ts';
import type { ToolAnswer, ToolCall } from '../backend/sandbox.ts';
import { type RunOnHostDeps, runOnHost } from '../hosts/run-on-host-tool.ts';
import type { Logger } from '../logger.ts';
import { KeyedMutex } from '../mutex.ts';
import type { Told } from '../worker/event-spool.ts';
import { WorkerError } from '../worker/worker-client.ts';
import { type AuditSearchDeps, auditSearch } from './audit-search-tool.ts';
import { keepCheckpoint } from './checkpoint-tool.ts';
import { readLines } from './read-artifact-tool.ts';
import { type RelayDeps, relay } from './relay-tool.ts';
import { decideReport, type ReportState } from './report-tool.ts';
import { fileRequest } from './request-tool.ts';
import { type SubmitFixToolDeps, submitFixTool } from './submit-fix-tool.ts';

export type RunToolDeps = RelayDeps &
  AuditSearchDeps &
  SubmitFixToolDeps &
  RunOnHostDeps & { logger: Logger };

/** The `dogwatch` tools of one run: what its agent may ask of trusted code. */
export class RunTools {
  readonly #request: RunRequest;
  readonly #deps: RunToolDeps;
  readonly #mutex = new KeyedMutex();
  #reportState: ReportState = 'open';
  #resultGiven = false;
  #fixAccepted = false;
  #handedOff = false;
  readonly #requests: Set<string>;
  #inFlight = 0;
  /** Told of each checkpoint: how many items of its checklist are done; null: the agent wrote none. */
  onCheckpoint: (itemsDone: number | null) => void = () => {};

  constructor(
    request: RunRequest,
    deps: RunToolDeps,
    told: Pick<Told, 'resultGiven' | 'fixAccepted' | 'requests'>,
  ) {
    this.#request = request;
    this.#deps = deps;
    this.#resultGiven = told.resultGiven;
    this.#reportState = told.resultGiven ? 'closed' : 'open';
    this.#fixAccepted = told.fixAccepted;
    this.#requests = new Set(told.requests);
  }

  /** Whether a result, valid or not, went to the Worker. */
  get resultGiven(): boolean {
    return this.#resultGiven;
  }

  /** Whether the session gave its work over to a fresh one. */
  get handedOff(): boolean {
    return this.#handedOff;
  }

  get busy(): boolean {
    return this.#inFlight > 0;
  }

  async call(call: ToolCall): Promise<ToolAnswer> {
    if (!this.#request.tools.includes(call.tool))
      return { text: `${call.tool} is not among the tools of this task.`, isError: true };
    this.#inFlight += 1;
    try {
      return await this.#mutex.run(call.tool, () => this.#dispatch(call));
    } catch (error) {
      this.#deps.logger.error('a tool failed', { run: this.#request.id, tool: call.tool, error });
      return { text: `${call.tool} failed on our side. You may try once more.`, isError: true };
    } finally {
      this.#inFlight -= 1;
    }
  }

  #dispatch(call: ToolCall): Promise<ToolAnswer> {
    switch (call.tool) {
      case 'relay':
        return relay(this.#request, call, this.#deps);
      case 'report':
        return this.#report(call.input);
      case 'read_artifact':
        return this.#readArtifact(call.input);
      case 'submit_fix':
        return this.#submitFix(call);
      case 'run_on_host':
        return runOnHost(this.#request, call.input, this.#deps);
      case 'request':
        return fileRequest(this.#request, call.input, this.#requests, this.#deps);
      case 'audit_search':
        return auditSearch(this.#request, call.input, this.#deps);
      case 'checkpoint':
        return this.#checkpoint(call);
    }
  }

  async #report(input: unknown): Promise<ToolAnswer> {
    const decision = decideReport(this.#request.result, this.#reportState, input);
    if (decision.kind === 'try_again') this.#reportState = 'faulty_once';
    if (decision.kind === 'accept' || decision.kind === 'pass_on') {
      this.#reportState = 'closed';
      this.#resultGiven = true;
      const { id, fence } = this.#request;
      this.#deps.spool.append(id, fence, { type: 'result', data: { value: decision.value } });
    }
    return { text: decision.text, isError: decision.kind !== 'accept' };
  }

  async #checkpoint(call: Extract<ToolCall, { tool: 'checkpoint' }>): Promise<ToolAnswer> {
    const answer = await keepCheckpoint(this.#request, call, this.#deps);
    this.#handedOff ||= call.input?.final ?? false;
    this.onCheckpoint(call.input?.done.length ?? null);
    return answer;
  }

  async #readArtifact(input: Extract<ToolCall, { tool: 'read_artifact' }>['input']): Promise<ToolAnswer> {
    const { artifacts, id } = this.#request;
    const artifact = artifacts.find(({ name }) => name === input.name);
    if (!artifact) {
      const names = artifacts.map(({ name }) => name).join(', ') || 'none';
      return { text: `There is no artifact "${input.name}". There are: ${names}.`, isError: true };
    }
    try {
      const fetched = await this.#deps.artifacts.read(id, artifact.sha256);
      if (!fetched.ok) return { text: `${artifact.name} arrived altered and is not shown.`, isError: true };
      const text = new TextDecoder().decode(fetched.bytes);
      return { text: readLines(artifact.name, artifact.sha256.slice(0, 12), text, input), isError: false };
    } catch (error) {
      if (!(error instanceof WorkerError)) throw error;
      return { text: `${artifact.name} cannot be read now: ${error.problem}`, isError: true };
    }
  }

  async #submitFix(call: Extract<ToolCall, { tool: 'submit_fix' }>): Promise<ToolAnswer> {
    const answer = await submitFixTool(this.#request, call, this.#fixAccepted, this.#deps);
    this.#fixAccepted ||= answer.accepted;
    return { text: answer.text, isError: answer.isError };
  }
}
