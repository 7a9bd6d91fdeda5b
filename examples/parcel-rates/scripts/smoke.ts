/** Starts the service on a free port and asks it what a customer would ask. Exits 1 at the first wrong answer. */
import assert from 'node:assert/strict';
import { loadConfig } from '../src/config.ts';
import { createService, listen } from '../src/server.ts';

const server = createService({ config: loadConfig(), version: 'smoke', now: () => new Date() });
const origin = `http://127.0.0.1:${await listen(server, 0)}`;

async function check(name: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
    console.log(`ok   ${name}`);
  } catch (error) {
    console.error(`FAIL ${name}`);
    throw error;
  }
}

function post(body: unknown): Promise<Response> {
  return fetch(`${origin}/v1/quotes`, { method: 'POST', body: JSON.stringify(body) });
}

const order = {
  destination: { country: 'DE', postcode: '10115' },
  parcel: { weightGrams: 1800, lengthCm: 30, widthCm: 20, heightCm: 15 },
};

try {
  await check('GET /health is ok', async () => {
    const response = await fetch(`${origin}/health`);
    assert.equal(response.status, 200);
    assert.equal(((await response.json()) as { status: string }).status, 'ok');
  });

  await check('GET /v1/zones/BE names the zone', async () => {
    const response = await fetch(`${origin}/v1/zones/BE`);
    assert.equal(((await response.json()) as { id: string }).id, 'benelux');
  });

  await check('POST /v1/quotes answers 201 with a price', async () => {
    const response = await post(order);
    assert.equal(response.status, 201);
    const answer = (await response.json()) as { total: { amount: number; formatted: string } };
    assert.equal(answer.total.amount, 1379);
    assert.equal(answer.total.formatted, '€ 13,79');
  });

  await check('a wrong order is answered as problem+json', async () => {
    const response = await post({ ...order, destination: { country: 'Germany', postcode: '10115' } });
    assert.equal(response.status, 400);
    assert.equal(response.headers.get('content-type'), 'application/problem+json; charset=utf-8');
    assert.equal(((await response.json()) as { code: string }).code, 'bad_country');
  });
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  server.close();
}
