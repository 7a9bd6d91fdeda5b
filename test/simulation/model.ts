import type { Answer, Asked, Service } from './network.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

const common = {
  finding: 'The expectation and the code differ.',
  reasoning: 'The last change touched what the failing step looks at.',
  rootCause: 'An operator was turned round.',
  alternatives: [],
  evidence: [{ claim: 'expected 1 to equal 2', source: 'log:3' }],
};

export const fixResult = (outcome: string, confidence = 0.9) => ({
  kind: 'fix',
  outcome,
  confidence,
  ...common,
});

export const taskReport = {
  kind: 'report',
  outcome: 'done',
  answer: 'All is well.',
  confidence: 0.9,
  ...common,
};

/** The provider behind light runs: it judges, looks into the log first, or answers nonsense. */
export class Model implements Service {
  readonly #world: World;
  readonly #random: Random;
  #calls = 0;

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random('model');
  }

  trouble = (): number => this.#world.faults().model;
  latencyMs = (): number => this.#random.between(1_000, 40_000);
  failure(): Answer {
    return {
      status: this.#random.pick([529, 500, 429]),
      body: { type: 'error', error: { type: 'overloaded_error' } },
    };
  }

  perform({ body }: Asked): Answer {
    const { model, messages, tools } = body as {
      model: string;
      messages: unknown[];
      tools?: { name: string }[];
    };
    this.#world.talk.reads(JSON.stringify(messages));
    // Who may dispatch is asked for a report; the others judge.
    const isTask = tools?.some(({ name }) => name === 'dispatch' || name === 'audit_search') === true;
    const asksTool = messages.length <= 3 && this.#random.chance(isTask ? 0.6 : 0.3);
    const use = isTask ? this.#dispatch() : { name: 'read_log', input: { fromLine: 1, toLine: 3 } };
    const content = asksTool
      ? [{ type: 'tool_use', id: `toolu_${this.#calls}`, ...use }]
      : [{ type: 'text', text: isTask ? JSON.stringify(taskReport) : this.#judgement() }];
    const id = `msg_${++this.#calls}`;
    return {
      status: 200,
      headers: { 'request-id': `req_light_${this.#calls}` },
      body: {
        id,
        type: 'message',
        role: 'assistant',
        model,
        content,
        stop_reason: asksTool ? 'tool_use' : 'end_turn',
        usage: {
          input_tokens: this.#random.between(100, 9_000),
          output_tokens: this.#random.between(10, 900),
        },
      },
    };
  }

  #dispatch() {
    const group = this.#random.pick(['ryan', 'cody', 'sam']);
    return {
      name: 'dispatch',
      input: { group, prompt: `part ${this.#random.between(1, 3)}`, budgetUsd: 0.2 },
    };
  }

  #judgement(): string {
    if (this.#random.chance(this.#world.faults().model * 0.1)) return 'I would rather not say.';
    const category = this.#random.pick(['code', 'code', 'code', 'code', 'configuration', 'environment']);
    const confidence = this.#random.next();
    return JSON.stringify({
      kind: 'judgement',
      category,
      advice: 'Look at the last change.',
      confidence,
      ...common,
    });
  }
}
