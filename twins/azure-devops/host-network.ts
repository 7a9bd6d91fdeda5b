/**
 * How this machine reaches package registries: a build agent gets that from its host, and the steps' environment
 * is otherwise clean. Pure; `env` is the environment of the process that starts the twin.
 */

export type HostNetwork = { ciEnv: Record<string, string>; npmRegistryUrl?: string };

/** Names are taken without case; proxies and certificate files only, nothing that could be a secret of ours. */
const passedOn =
  /^(NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR|npm_config_cafile|https?_proxy|no_proxy)$/i;

export function hostNetwork(env: Record<string, string | undefined>): HostNetwork {
  const ciEnv: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value && passedOn.test(name)) ciEnv[name] = value;
  }
  const npmRegistryUrl = env.npm_config_registry ?? env.NPM_CONFIG_REGISTRY;
  return { ciEnv, ...(npmRegistryUrl ? { npmRegistryUrl } : {}) };
}
