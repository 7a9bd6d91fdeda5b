/** What a model request may contain, beyond being well-formed. Pure: the body is the parsed JSON. */
export interface ModelPolicy {
  /** Exact model names: the run's own and the cheap one for the SDK's small calls. */
  models: readonly string[];
  maxOutputTokens: number;
}

export type ModelVerdict = { ok: true; model: string; stream: boolean } | { ok: false; reason: string };

/** Fields that make the provider act, fetch or bill in a way of its own. */
const REFUSED_FIELDS = ['mcp_servers', 'container', 'speed', 'inference_geo', 'fallbacks'];

/** Betas that open doors past the gateway. */
const REFUSED_BETAS =
  /^(?:mcp-|files-api|code-execution|web-|skills|computer-use|fast-mode|advisor|message-batches)/;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Looks for sources that the provider would fetch or open itself (`file`, `url`), at any depth of the content. */
function hasForeignSource(value: unknown, depth = 0): boolean {
  if (depth > 12) return true;
  if (Array.isArray(value)) return value.some((item) => hasForeignSource(item, depth + 1));
  if (!isRecord(value)) return false;
  const { source } = value;
  if (isRecord(source) && (source.type === 'file' || source.type === 'url')) return true;
  if (value.type === 'container_upload') return true;
  // A tool's input is the model's own text: nothing in it is opened by the provider.
  if (value.type === 'tool_use') return false;
  return hasForeignSource(value.content, depth + 1);
}

export function checkModelRequest(body: unknown, policy: ModelPolicy, counting: boolean): ModelVerdict {
  if (!isRecord(body)) return { ok: false, reason: 'The body is not a JSON object.' };
  const { model, tools, messages, system, stream } = body;
  if (typeof model !== 'string' || !policy.models.includes(model)) {
    return { ok: false, reason: `This run may use ${policy.models.join(' and ')} only.` };
  }
  for (const field of REFUSED_FIELDS) {
    if (body[field] !== undefined && body[field] !== null)
      return { ok: false, reason: `The field ${field} is refused.` };
  }
  if (body.service_tier !== undefined && body.service_tier !== 'standard_only') {
    return { ok: false, reason: 'The service tier is the standard one.' };
  }
  if (tools !== undefined) {
    if (!Array.isArray(tools)) return { ok: false, reason: 'tools is not a list.' };
    const foreign = tools.find(
      (tool) => !isRecord(tool) || (tool.type !== undefined && tool.type !== 'custom'),
    );
    if (foreign !== undefined) {
      const name = isRecord(foreign) ? String(foreign.type) : 'unreadable';
      return { ok: false, reason: `Tools that the provider runs are refused (${name.slice(0, 60)}).` };
    }
  }
  if (hasForeignSource(messages) || hasForeignSource(system)) {
    return { ok: false, reason: 'Content by file id or URL is refused; send it inline.' };
  }
  if (!counting) {
    const { max_tokens: maxTokens } = body;
    if (typeof maxTokens !== 'number' || maxTokens > policy.maxOutputTokens) {
      return { ok: false, reason: `max_tokens must be at most ${policy.maxOutputTokens}.` };
    }
  }
  return { ok: true, model, stream: stream === true };
}

/** The `anthropic-beta` header without what is refused; null when nothing is left. */
export function allowedBetas(header: string | undefined): string | null {
  const names = (header ?? '').split(',').map((name) => name.trim());
  const kept = names.filter((name) => /^[\w.-]{1,100}$/.test(name) && !REFUSED_BETAS.test(name));
  return kept.length === 0 ? null : kept.join(',');
}
