import { judgement } from '../../durable-objects/test/specs.ts';
import { type HttpService, serve } from './http-service.ts';

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
          content: [{ type: 'text', text: JSON.stringify(judgement) }],
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
