import type { ServerResponse } from 'node:http';
import { RequestError } from '../errors.ts';

/** Sends a value as JSON with its length, so that proxies need no chunking. */
export function sendJson(response: ServerResponse, status: number, value: unknown, type = 'application/json'): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'content-length': body.byteLength,
  });
  response.end(body);
}

/** Answers an error as problem+json. What is not the caller's fault is reported without detail. */
export function sendProblem(response: ServerResponse, error: unknown): void {
  if (error instanceof RequestError) {
    sendJson(response, error.status, { code: error.code, title: error.message }, 'application/problem+json');
    return;
  }
  console.error(error);
  sendJson(response, 500, { code: 'internal', title: 'something went wrong' }, 'application/problem+json');
}
