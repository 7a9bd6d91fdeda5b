import { loadConfig } from './config.ts';
import { createService, listen } from './server.ts';

const server = createService({
  config: loadConfig(),
  version: process.env.npm_package_version ?? 'dev',
  now: () => new Date(),
});
const port = await listen(server, Number(process.env.PORT ?? 3000));
console.log(`parcel-rates listens on http://127.0.0.1:${port}`);

process.once('SIGTERM', () => server.close());
