import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';

const POLL_MS = 2_000;

/**
 * The usual way to build a receiver of hooks: what comes is inserted into SQLite and answered, and a loop that
 * looks every two seconds starts what it finds.
 */
export async function startPollingReceiver(
  databasePath: string,
  onWork: (body: string) => void,
): Promise<{ url: string; close(): Promise<void> }> {
  const database = new DatabaseSync(databasePath);
  database.exec('PRAGMA journal_mode = WAL');
  database.exec('CREATE TABLE tasks (id INTEGER PRIMARY KEY, body TEXT NOT NULL, status TEXT NOT NULL)');
  const insert = database.prepare(`INSERT INTO tasks (body, status) VALUES (?, 'new')`);
  const find = database.prepare(`SELECT id, body FROM tasks WHERE status = 'new' ORDER BY id`);
  const done = database.prepare(`UPDATE tasks SET status = 'done' WHERE id = ?`);
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      insert.run(Buffer.concat(chunks).toString());
      response.writeHead(202).end();
    });
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const poll = setInterval(() => {
    for (const { id, body } of find.all() as { id: number; body: string }[]) {
      onWork(body);
      done.run(id);
    }
  }, POLL_MS);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      clearInterval(poll);
      await new Promise((closed) => {
        server.close(closed);
        server.closeAllConnections();
      });
      database.close();
    },
  };
}
