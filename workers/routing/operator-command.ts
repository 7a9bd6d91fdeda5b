/** What the operator may ask for in a chat. Everything else gets an honest answer of what is understood. */
export type OperatorCommand =
  | { kind: 'check_pipeline' }
  | { kind: 'status' }
  | { kind: 'incidents' }
  | { kind: 'schedule' }
  | { kind: 'help' }
  | { kind: 'stop' }
  | { kind: 'resume' }
  | { kind: 'unknown' };

const COMMANDS: Record<string, OperatorCommand> = {
  status: { kind: 'status' },
  incidents: { kind: 'incidents' },
  schedule: { kind: 'schedule' },
  schedules: { kind: 'schedule' },
  help: { kind: 'help' },
  start: { kind: 'help' },
  stop: { kind: 'stop' },
  resume: { kind: 'resume' },
};

/** `/status`, `/status@AnyBot`, and sentences like `@Team check the pipeline`. */
export function parseOperatorCommand(text: string): OperatorCommand {
  const plain = text.trim();
  const slash = /^\/([a-z_]+)(?:@\w+)?(?:\s|$)/i.exec(plain);
  if (slash?.[1]) return COMMANDS[slash[1].toLowerCase()] ?? { kind: 'unknown' };
  const words = plain.replace(/^@\w+[,:]?\s*/, '').toLowerCase();
  if (/^(?:please\s+)?check\s+(?:the\s+)?pipelines?\b/.test(words)) return { kind: 'check_pipeline' };
  return { kind: 'unknown' };
}
