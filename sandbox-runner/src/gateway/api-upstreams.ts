import type { ApiUpstream } from './api-route.ts';
import type { GatewaySettings } from './gateway.ts';
import type { ApiRouteName } from './routes.ts';

const basic = (pat: string | null): string | null =>
  pat === null ? null : `Basic ${Buffer.from(`:${pat}`).toString('base64')}`;

/** The server behind each reading route, with its credential; a string: why there is none. */
export function apiUpstream(name: ApiRouteName, settings: GatewaySettings): ApiUpstream | string {
  switch (name) {
    case 'azure-devops':
      return {
        name: 'Azure DevOps',
        baseUrl: settings.azureDevopsUrl,
        authorization: basic(settings.azureDevopsBuildPat),
        secrets: [settings.azureDevopsBuildPat],
      };
    case 'github': {
      const { githubToken: token, githubUrl: baseUrl } = settings;
      return {
        name: 'GitHub',
        baseUrl,
        authorization: token === null ? null : `Bearer ${token}`,
        secrets: [token],
      };
    }
    case 'dozzle': {
      const { dozzleAuthorization: authorization, dozzleUrl: baseUrl } = settings;
      if (baseUrl === null) return 'This runner knows no container dashboard: DOZZLE_URL is not set.';
      return { name: 'Dozzle', baseUrl, authorization, secrets: secretsOfAuthorization(authorization) };
    }
    case 'status-page': {
      const { statusUrl: baseUrl } = settings;
      if (baseUrl === null) return 'This runner knows no status page: STATUS_URL is not set.';
      return { name: 'The status page', baseUrl, authorization: null, secrets: [] };
    }
  }
}

/** The value of a header `Authorization`, and what stands behind its scheme; of Basic also the password. */
export function secretsOfAuthorization(value: string | null): (string | null)[] {
  const [scheme = '', token = null] = value?.split(/\s+/) ?? [];
  const password =
    scheme.toLowerCase() === 'basic' && token !== null
      ? Buffer.from(token, 'base64')
          .toString('utf8')
          .replace(/^[^:]*:/, '')
      : null;
  return [token, password];
}
