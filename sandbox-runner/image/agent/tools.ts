import { randomUUID } from 'node:crypto';
import { createSdkMcpServer, type SdkMcpToolDefinition, tool } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod/v3';
import { CHECKPOINT_CONTENT_TYPE, packCheckpoint } from './checkpoint.ts';
import type { Door } from './door.ts';
import { FIX_CONTENT_TYPE, packFix } from './submit-fix.ts';
import type { AgentTask, ToolReply } from './task.ts';

/** A proof runs the repository's own tests twice: a call may take as long as the session. */
const CALL_TIMEOUT_MS = 30 * 60_000;

const asContent = (reply: ToolReply) => ({
  content: [{ type: 'text' as const, text: reply.text }],
  isError: reply.isError,
});

const items = z.array(z.string().min(1).max(1_000)).max(50);

const evidence = z.object({
  claim: z.string().min(1).max(1_000),
  source: z.string().min(1).max(300).describe('log:120-131, file:src/a.ts:10 or commit:<sha>'),
});

/** The MCP server `dogwatch` with exactly the tools that the task names. */
export function dogwatchServer(task: AgentTask, door: Door) {
  const post = async (name: string, body: string | Buffer, contentType?: string) => {
    try {
      const answer = JSON.parse(await door.post(`/dogwatch/tools/${name}`, body, contentType)) as ToolReply;
      return asContent(answer);
    } catch (error) {
      return asContent({ text: error instanceof Error ? error.message : String(error), isError: true });
    }
  };
  const call = (name: string, input: unknown) => post(name, JSON.stringify({ key: randomUUID(), input }));

  // biome-ignore lint/suspicious/noExplicitAny: the SDK's own element type for tools of differing shapes
  const all: Record<string, SdkMcpToolDefinition<any>> = {
    relay: tool(
      'relay',
      'Sends a message to another agent of the crew. Only allow-listed routes are delivered.',
      { to: z.string().max(64), text: z.string().max(20_000) },
      (input) => call('relay', input),
    ),
    read_artifact: tool(
      'read_artifact',
      'Reads a stored artifact of the incident, such as the complete log of the failed step: lines from..to (from 1), or the lines around a search text.',
      {
        name: z.string().max(200),
        fromLine: z.number().int().positive().optional(),
        toLine: z.number().int().positive().optional(),
        search: z.string().max(200).optional(),
      },
      (input) => call('read_artifact', input),
    ),
    submit_fix: tool(
      'submit_fix',
      'Hands in the commits since the checked-out commit. They are checked and proved (red before, green after) in a clean container; the answer is accepted, or refused with reasons. Commit first. proof: "test" when you added a failing test, "command" when only the failed command can prove it.',
      {
        title: z.string().min(1).max(200),
        rootCause: z.string().min(1).max(300),
        fixSummary: z.string().min(1).max(4_000),
        proof: z.enum(['test', 'command']),
      },
      async (input) => {
        const { folder, commit } = task.workspace;
        const packed = await packFix(folder, commit, randomUUID(), input);
        if (!packed.ok) return asContent({ text: packed.reason, isError: true });
        return post('submit_fix', packed.body, FIX_CONTENT_TYPE);
      },
    ),
    run_on_host: tool(
      'run_on_host',
      'Executes one program on a named host: argv is the program and its arguments, word by word; there is no shell, pipe or redirection. Looking is free; restarts and their like are allowed where listed, a few at a time; what cannot be undone waits for a permission; everything else is refused with what is possible.',
      {
        host: z.string().min(1).max(64),
        argv: z.array(z.string().max(4_096)).min(1).max(32),
        reason: z.string().min(1).max(1_000).describe('Why this is needed'),
      },
      (input) => call('run_on_host', input),
    ),
    request: tool(
      'request',
      'Files a request for what you have no right to do yourself: a setting, an account, a credential, a change outside your task. A person decides it within 24 hours; nothing is done before. One request per matter.',
      {
        title: z.string().min(1).max(120).describe('One line that a person can read on a phone'),
        reason: z.string().min(1).max(1_000).describe('Why it is needed'),
        action: z
          .object({
            kind: z.enum([
              'allow_relay_route',
              'remove_relay_route',
              'pause_schedule',
              'resume_schedule',
              'run_schedule',
              'for_a_person',
            ]),
            from: z.string().max(64).optional().describe('Of a relay route'),
            to: z.string().max(64).optional().describe('Of a relay route'),
            schedule: z.string().max(64).optional(),
            text: z.string().max(2_000).optional().describe('for_a_person: what a person is to do'),
          })
          .describe('What exactly is to be done; trusted code does it once approved, save for_a_person'),
      },
      (input) => call('request', input),
    ),
    audit_search: tool(
      'audit_search',
      'Searches the audit log of everything that was done here, newest first. Every filter narrows it; text is looked for anywhere in a row.',
      {
        incident: z.string().max(200).optional(),
        run: z.string().max(200).optional(),
        action: z.string().max(200).optional(),
        actor: z.string().max(200).optional(),
        text: z.string().max(200).optional(),
        limit: z.number().int().min(1).max(50).optional(),
      },
      (input) => call('audit_search', input),
    ),
    checkpoint: tool(
      'checkpoint',
      'Keeps your work outside this container, with a hand-off for the session that may go on from it. Use it after each finished item of a long task. With final: true this session is over after it: end your work then; a fresh session goes on.',
      {
        objective: z.string().min(1).max(2_000),
        done: items.describe('Checklist: what is finished'),
        remaining: items.describe('Checklist: what is left, in order'),
        decisions: items,
        files: z.array(z.string().min(1).max(500)).max(200),
        blockers: items,
        final: z.boolean().default(false),
      },
      async (input) => {
        const { folder, commit } = task.workspace;
        return post(
          'checkpoint',
          await packCheckpoint(folder, commit, randomUUID(), input),
          CHECKPOINT_CONTENT_TYPE,
        );
      },
    ),
    report: tool(
      'report',
      'Gives the final result of this session. Call it once, at the end.',
      {
        ...(task.result === 'fix'
          ? { kind: z.literal('fix'), outcome: z.enum(['fixed', 'not_code', 'not_diagnosable']) }
          : {
              kind: z.literal('report'),
              outcome: z.enum(['done', 'nothing_to_do', 'blocked']),
              answer: z
                .string()
                .min(1)
                .max(4_000)
                .describe('What the asker reads on a phone: the finding first'),
            }),
        finding: z.string().min(1).max(4_000).describe('What was found'),
        reasoning: z.string().min(1).max(8_000).describe('Why it is so'),
        rootCause: z.string().min(1).max(300).describe('One short sentence for a chat message'),
        confidence: z.number().min(0).max(1),
        alternatives: z
          .array(
            z.object({
              hypothesis: z.string().min(1).max(1_000),
              rejectedBecause: z.string().min(1).max(1_000),
            }),
          )
          .max(20),
        evidence: z.array(evidence).min(1).max(30),
      },
      (input) => call('report', input),
    ),
  };
  const tools = task.tools.flatMap((name) => all[name] ?? []);
  return createSdkMcpServer({
    name: 'dogwatch',
    version: '1.0.0',
    tools,
    alwaysLoad: true,
    timeout: CALL_TIMEOUT_MS,
  });
}
