import { registerHooks } from 'node:module';

const DURABLE_OBJECT =
  'export class DurableObject { constructor(ctx, env) { this.ctx = ctx; this.env = env; } }';

/** Lets Node load the Worker as it is: the runtime's module, and JSON without an attribute. */
export function loadCloudflareModules(): void {
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === 'cloudflare:workers')
        return {
          url: `data:text/javascript,${encodeURIComponent(DURABLE_OBJECT)}`,
          shortCircuit: true,
        };
      const resolved = next(specifier, context);
      return specifier.endsWith('.json') ? { ...resolved, importAttributes: { type: 'json' } } : resolved;
    },
  });
}
