import { type HttpService, serve } from './http-service.ts';

const common = {
  finding: 'The rounding test fails.',
  reasoning: 'The last commit changed the rounding.',
  rootCause: 'Rounding was changed.',
  confidence: 0.9,
  alternatives: [],
  evidence: [{ claim: 'It fails', source: 'log:1-2' }],
};
export const FIX_RESULT = { kind: 'fix', outcome: 'fixed', ...common };
const JUDGEMENT = { kind: 'judgement', category: 'code', advice: 'Look at the rounding.', ...common };

/** A provider that judges every failure to be one of the code. */
export class LoadModel {
  calls = 0;
  /** Told of each request as it comes in, with its text. */
  onCall: (text: string) => void = () => {};
  readonly #delayMs: number;
  #service: HttpService | null = null;

  constructor(delayMs = 50) {
    this.#delayMs = delayMs;
  }

  get url(): string {
    return this.#service?.url ?? '';
  }

  async open(): Promise<void> {
    this.#service = await serve(async ({ body }) => {
      this.calls += 1;
      this.onCall(JSON.stringify(body));
      const id = `msg_${this.calls}`;
      await new Promise((done) => setTimeout(done, this.#delayMs));
      return {
        status: 200,
        headers: { 'request-id': `req_${id}` },
        body: {
          id,
          type: 'message',
          role: 'assistant',
          model: (body as { model: string }).model,
          content: [{ type: 'text', text: JSON.stringify(JUDGEMENT) }],
          stop_reason: 'end_turn',
          usage: { input_tokens: 900, output_tokens: 90 },
        },
      };
    });
  }

  async close(): Promise<void> {
    await this.#service?.close();
  }
}
