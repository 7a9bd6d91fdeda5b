import { applyD1Migrations, env } from 'cloudflare:test';

declare global {
  interface ImportMeta {
    glob(pattern: string, options: { query: '?raw'; import: 'default'; eager: true }): Record<string, string>;
  }
}

const files = import.meta.glob('../../migrations/*.sql', { query: '?raw', import: 'default', eager: true });

/** `migrations/`, in order. */
export function d1Migrations(): { name: string; queries: string[] }[] {
  return Object.entries(files)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, sql]) => ({
      name: path.split('/').at(-1) ?? path,
      queries: sql.split('--> statement-breakpoint').map((query) => query.trim()),
    }));
}

/** Brings the test database to what `migrations/` says. */
export async function migrateDatabase(): Promise<void> {
  await applyD1Migrations(env.DB, d1Migrations());
}
