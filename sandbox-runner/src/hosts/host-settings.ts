import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { hostNameSchema } from '../../../core/contracts/host-command.ts';
import { DEFAULT_REVERSIBLE_PER_WINDOW } from '../../../core/hosts/decide-host-command.ts';

const folderPath = z.string().regex(/^\/[\w@.+-]+(?:\/[\w@.+-]+)*$/, 'must be an absolute folder, not /');

const hostSchema = z.strictObject({
  address: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.:_-]{0,252}$/, 'must be a host name or an address'),
  port: z.number().int().min(1).max(65_535).default(22),
  user: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/),
  /** The only keys this host may show, as in `ssh-keyscan`: type and key, a comment is dropped. */
  hostKeys: z
    .array(
      z
        .string()
        .regex(
          /^(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) [A-Za-z0-9+/]+={0,2}(?: .*)?$/,
          'must be a public key such as "ssh-ed25519 AAAA…"',
        )
        .transform((key) => key.split(' ').slice(0, 2).join(' ')),
    )
    .min(1)
    .max(10),
  /** A private key on this machine, readable by us alone. ssh expands `%`. */
  identityFile: z.string().regex(/^\/[^%"\\\s]+$/, 'must be an absolute path without spaces or %'),
  /** Who may use this host; its agent.toml must name it as well. */
  groups: z.array(z.string().min(1).max(64)),
  logPaths: z.array(folderPath).max(20).default(['/var/log']),
  buildPaths: z.array(folderPath).max(20).default([]),
  units: z
    .array(z.string().regex(/^[A-Za-z0-9][\w@.:-]{0,127}$/))
    .max(50)
    .default([]),
  reversiblePer10Minutes: z.number().int().min(0).max(100).default(DEFAULT_REVERSIBLE_PER_WINDOW),
  /** Programs of the table that need root there: we put `sudo -n` before them, an agent never does. */
  sudo: z.array(z.enum(['docker', 'systemctl', 'journalctl', 'kill', 'rm'])).default([]),
  /** What the process of a build agent has in its command line; null: no such probe. */
  agentProcess: z
    .string()
    .regex(/^[\w.][\w. /-]{0,99}$/)
    .nullable()
    .default(null),
});
export type Host = z.infer<typeof hostSchema>;
export type Hosts = Readonly<Record<string, Host>>;

const hostsSchema = z.record(hostNameSchema, hostSchema);

export type ParsedHosts = { ok: true; hosts: Hosts } | { ok: false; faults: string[] };

/** `RUNNER_HOSTS`: JSON, or the path of a JSON file. Empty: no hosts. Faults never repeat a value. */
export function parseHosts(setting: string | undefined): ParsedHosts {
  const text = setting?.trim() ?? '';
  if (text === '') return { ok: true, hosts: {} };
  let json: unknown;
  try {
    json = JSON.parse(text.startsWith('{') ? text : readFileSync(text, 'utf8'));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const fault = code === undefined ? 'is not JSON' : `the file cannot be read (${code})`;
    return { ok: false, faults: [`RUNNER_HOSTS: ${fault}`] };
  }
  const parsed = hostsSchema.safeParse(json);
  if (parsed.success) return { ok: true, hosts: parsed.data };
  const faults = parsed.error.issues.map(({ path, message }) => `RUNNER_HOSTS ${path.join('.')}: ${message}`);
  return { ok: false, faults };
}
