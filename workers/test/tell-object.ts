import { runInDurableObject } from 'cloudflare:test';

/** Other settings for one object, as if it had been deployed with them. */
export const tellObject = (stub: DurableObjectStub, settings: Record<string, string | undefined>) =>
  runInDurableObject(stub, (object) => {
    if ('env' in object) Object.assign(object.env as object, settings);
  });
