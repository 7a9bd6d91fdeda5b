import { describe, expect, it } from 'vitest';
import { allowedBetas, checkModelRequest } from './anthropic-policy.ts';

const policy = { models: ['opus', 'haiku'], maxOutputTokens: 1_000 };
const request = (over: Record<string, unknown> = {}) => ({
  model: 'opus',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'hi' }],
  ...over,
});
const ok = (over: Record<string, unknown>) => checkModelRequest(request(over), policy, false).ok;

describe('checkModelRequest', () => {
  it('lets the run use its model with tools of its own', () => {
    expect(
      ok({
        tools: [
          { name: 'Bash', input_schema: {} },
          { type: 'custom', name: 'x' },
        ],
      }),
    ).toBe(true);
    expect(ok({ model: 'haiku' })).toBe(true);
  });

  it.each([
    [{ model: 'fable' }],
    [{ max_tokens: 2_000 }],
    [{ max_tokens: undefined }],
    [{ tools: [{ type: 'web_search_20250305', name: 'web_search' }] }],
    [{ tools: [{ type: 'code_execution_20250825', name: 'code_execution' }] }],
    [{ mcp_servers: [{ url: 'https://example.com' }] }],
    [{ container: 'c' }],
    [{ speed: 'fast' }],
    [{ service_tier: 'auto' }],
    [
      {
        messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'url', url: 'https://x' } }] }],
      },
    ],
    [
      {
        messages: [{ role: 'user', content: [{ type: 'document', source: { type: 'file', file_id: 'f' } }] }],
      },
    ],
    [
      {
        messages: [
          {
            role: 'user',
            content: [
              {
                type: 'tool_result',
                content: [{ type: 'image', source: { type: 'url', url: 'https://x' } }],
              },
            ],
          },
        ],
      },
    ],
  ])('refuses %j', (over) => {
    expect(ok(over)).toBe(false);
  });

  it('does not read into what a tool was called with', () => {
    const input = { content: [{ source: { type: 'url' } }] };
    expect(ok({ messages: [{ role: 'assistant', content: [{ type: 'tool_use', input }] }] })).toBe(true);
  });

  it('needs no max_tokens to count', () => {
    expect(checkModelRequest(request({ max_tokens: undefined }), policy, true).ok).toBe(true);
  });
});

it('keeps harmless betas and drops those that open doors', () => {
  expect(allowedBetas('effort-2025-11-24,mcp-client-2025-04-04, files-api-2025-04-14,x y')).toBe(
    'effort-2025-11-24',
  );
  expect(allowedBetas('web-fetch-2025-09-10')).toBeNull();
  expect(allowedBetas(undefined)).toBeNull();
});
