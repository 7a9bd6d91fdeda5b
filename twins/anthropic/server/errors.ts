import type { TwinReply } from '../../shared/twin-server.ts';
import { jsonReply } from '../../shared/twin-server.ts';

/** Error types of the API by status. */
const typeByStatus: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  503: 'api_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

const textByStatus: Record<number, string> = {
  429: 'This request would exceed the rate limit of your organization.',
  529: 'Overloaded',
};

export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export const invalid = (message: string): ApiError => new ApiError(400, message);

export function errorReply(status: number, message: string, requestId: string, headers = {}): TwinReply {
  const type = typeByStatus[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
  const body = { type: 'error', error: { type, message }, request_id: requestId };
  return jsonReply(status, body, { 'request-id': requestId, ...headers });
}

/** What the API says when it is asked to fail with `status`. */
export function faultText(status: number, fallback: string): string {
  return textByStatus[status] ?? fallback;
}
