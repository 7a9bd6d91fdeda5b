import { randomUUID } from 'node:crypto';
import { type SDKMessage, startup } from '@anthropic-ai/claude-agent-sdk';
import { CHECKPOINT_CONTENT_TYPE, packCheckpoint } from './checkpoint.ts';
import { clip } from './clip.ts';
import { type Door, orderedSender } from './door.ts';
import { builtInTools } from './guardrails.ts';
import { sessionHooks } from './hooks.ts';
import type { AgentEnd, AgentEvent, AgentTask, EventAnswer } from './task.ts';
import { dogwatchServer } from './tools.ts';
import { lookAtWorkspace } from './workspace-look.ts';

const SAID_CHARS = 16_000;

function textOf(message: SDKMessage): string {
  if (message.type !== 'assistant') return '';
  return message.message.content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');
}

function endOf(message: SDKMessage | null, turns: number): AgentEnd {
  if (message?.type !== 'result') {
    return { reason: 'crashed', detail: 'The session ended without a result.', turns };
  }
  if (message.subtype === 'error_max_budget_usd') {
    return { reason: 'budget', detail: 'The budget of the session is spent.', turns: message.num_turns };
  }
  if (message.subtype === 'error_max_turns') {
    return { reason: 'completed', detail: 'The turn limit was reached.', turns: message.num_turns };
  }
  if (message.subtype !== 'success') {
    return { reason: 'crashed', detail: clip(message.errors.join('\n'), 2_000), turns: message.num_turns };
  }
  const detail = clip(message.result, 2_000);
  return { reason: message.is_error ? 'crashed' : 'completed', detail, turns: message.num_turns };
}

/** Starting programs waits for processors; only a session that will never start takes this long. */
const START_WITHIN_MS = 4 * 60_000;

/**
 * One Claude Agent SDK session from prompt to result; every message and tool call is told to the gateway. It gets its
 * prompt when the workspace stands; `checkedOut` is the end of a session whose workspace could not be made, else null.
 */
export async function runSession(
  task: AgentTask,
  gatewayUrl: string,
  door: Door,
  env: Record<string, string | undefined>,
  checkedOut: Promise<AgentEnd | null>,
): Promise<AgentEnd> {
  const { folder } = task.workspace;
  const transcript = orderedSender(door, '/dogwatch/transcript');
  const events = orderedSender(door, '/dogwatch/events');
  const tell = async (event: AgentEvent): Promise<EventAnswer> =>
    JSON.parse(await events.send(event)) as EventAnswer;
  const mention = (event: AgentEvent) => void tell(event).catch(() => undefined);
  const keep = async () => {
    if (!task.tools.includes('checkpoint')) return;
    const body = await packCheckpoint(folder, task.workspace.commit, randomUUID(), null);
    await door.post('/dogwatch/tools/checkpoint', body, CHECKPOINT_CONTENT_TYPE);
  };
  const toolNames = task.tools.map((name) => `mcp__dogwatch__${name}`);
  const messageIds = new Set<string>();
  let last: SDKMessage | null = null;

  const warming = startup({
    initializeTimeoutMs: START_WITHIN_MS,
    options: {
      cwd: folder,
      systemPrompt: task.charter,
      settingSources: [],
      skills: [],
      strictMcpConfig: true,
      model: task.model,
      maxTurns: task.limits.maxTurns,
      maxBudgetUsd: task.limits.budgetUsd,
      tools: builtInTools,
      allowedTools: [...builtInTools, ...toolNames],
      disallowedTools: ['WebFetch', 'WebSearch', 'Task', 'Agent', 'Skill', 'NotebookEdit', 'AskUserQuestion'],
      // The hooks decide every call; what they did not allow is denied without a prompt.
      permissionMode: 'dontAsk',
      mcpServers: { dogwatch: dogwatchServer(task, door) },
      mcpServersDelivery: 'initialize',
      hooks: sessionHooks(folder, { tell, keep, look: () => lookAtWorkspace(folder) }),
      persistSession: false,
      env: {
        ...env,
        ANTHROPIC_BASE_URL: `${gatewayUrl}/anthropic`,
        // The gateway drops this and adds the real one.
        ANTHROPIC_API_KEY: 'held-by-the-gateway',
        ANTHROPIC_DEFAULT_HAIKU_MODEL: task.auxiliaryModel,
        ANTHROPIC_SMALL_FAST_MODEL: task.auxiliaryModel,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        DISABLE_AUTOUPDATER: '1',
        // No instructions from the checkout, no memory, no shells that outlive their call, all tools at once.
        CLAUDE_CODE_DISABLE_CLAUDE_MDS: '1',
        CLAUDE_CODE_DISABLE_AUTO_MEMORY: '1',
        CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: '1',
        ENABLE_TOOL_SEARCH: 'false',
        MCP_TOOL_TIMEOUT: String(30 * 60_000),
      },
      stderr: (text) => process.stderr.write(text),
    },
  });

  try {
    const [noWorkspace, warm] = await Promise.all([checkedOut, warming]);
    if (noWorkspace) {
      warm.close();
      return noWorkspace;
    }
    for await (const message of warm.query(task.prompt)) {
      void transcript.send(message).catch(() => undefined);
      last = message;
      if (message.type !== 'assistant') continue;
      if (!messageIds.has(message.message.id)) {
        messageIds.add(message.message.id);
        mention({ type: 'turn', turns: messageIds.size });
      }
      const text = textOf(message).trim();
      if (text !== '') mention({ type: 'said', text: clip(text, SAID_CHARS) });
    }
    return endOf(last, messageIds.size);
  } catch (error) {
    // A result with an error subtype is followed by a throw; the result says more than the throw does.
    const end = endOf(last, messageIds.size);
    if (end.reason !== 'crashed') return end;
    const detail = last?.type === 'result' ? end.detail : String(error);
    return { reason: 'crashed', detail: clip(detail, 2_000), turns: messageIds.size };
  } finally {
    await Promise.all([transcript.flush(), events.flush()]);
  }
}
