import { createServer, type Server } from 'node:http';
import { sendProblem } from './http/respond.ts';
import { type Context, route } from './http/routes.ts';

/** The HTTP service, not yet listening. */
export function createService(context: Context): Server {
  return createServer((request, response) => {
    route(context, request, response).catch((error: unknown) => sendProblem(response, error));
  });
}

/** Listens and gives the port, which differs from the wanted one when that is 0. */
export function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}
