import { DurableObject } from 'cloudflare:workers';

/** The least that a durable intake can do: one insert of the body in one of 16 objects. */
export class Store extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS bodies (n INTEGER PRIMARY KEY, body TEXT NOT NULL)');
  }

  insert(body) {
    this.ctx.storage.sql.exec('INSERT INTO bodies (body) VALUES (?)', body);
  }
}

const SHARDS = 16;

export default {
  async fetch(request, env) {
    const body = await request.text();
    const shard = Math.floor(Math.random() * SHARDS);
    await env.STORE.getByName(`store-${shard}`).insert(body);
    return new Response('kept', { status: 202 });
  },
};
