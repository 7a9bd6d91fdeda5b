/** Every expected refusal: its HTTP status and public text (RFC 9457). The operator's evidence goes to the audit log, not here. */
const problems = {
  bad_request: { status: 400, title: 'The request could not be read' },
  invalid_body: { status: 400, title: 'The body does not fit the contract' },
  unauthorized: { status: 401, title: 'Identity was not proved' },
  forbidden: { status: 403, title: 'This identity may not do that' },
  wrong_runner: { status: 403, title: 'This key does not speak for that runner' },
  not_its_run: { status: 403, title: 'That runner never held this run' },
  route_not_allowed: { status: 403, title: 'No relay route leads there' },
  relay_loop_hops: { status: 403, title: 'The agents only answer each other' },
  relay_loop_repeated: { status: 403, title: 'The same was said before' },
  not_found: { status: 404, title: 'No such thing' },
  stale_fence: { status: 409, title: 'A newer lease exists' },
  conflict: { status: 409, title: 'The state does not allow that' },
  ended: { status: 410, title: 'It has ended' },
  too_large: { status: 413, title: 'The body is too large' },
  unprocessable: { status: 422, title: 'Understood, but refused' },
  full: { status: 429, title: 'No capacity is free' },
  signature_missing: { status: 401, title: 'The request is not signed' },
  signature_invalid: { status: 401, title: 'The signature does not verify' },
  signature_expired: { status: 401, title: 'The signature is too old or from the future' },
  signature_replayed: { status: 401, title: 'This signed request was seen before' },
  digest_mismatch: { status: 401, title: 'The body is not the one that was signed' },
  unknown_key: { status: 401, title: 'The signing key is not known' },
  wrong_host: { status: 401, title: 'Signed for another host' },
  unavailable: { status: 503, title: 'Something of ours failed; try again' },
} as const;

export type ProblemCode = keyof typeof problems;

/** `application/problem+json` body (RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: ProblemCode;
  detail?: string;
}

export function problemOf(code: ProblemCode, detail?: string): Problem {
  const { status, title } = problems[code];
  const problem: Problem = { type: `urn:dogwatch:problem:${code}`, title, status, code };
  return detail === undefined ? problem : { ...problem, detail };
}
