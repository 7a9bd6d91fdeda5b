/** Refusals in the words and the JSON shape of Azure DevOps. */
import { jsonReply, type TwinReply } from '../shared/twin-server.ts';

/** Thrown by REST handlers; the router makes the reply. `typeKey` is the exception's short name. */
export class AzureError extends Error {
  readonly status: number;
  readonly typeKey: string;

  constructor(status: number, typeKey: string, message: string) {
    super(message);
    this.status = status;
    this.typeKey = typeKey;
  }
}

export function azureErrorReply(
  status: number,
  message: string,
  typeKey = 'VssServiceException',
  headers: Record<string, string> = {},
): TwinReply {
  return jsonReply(
    status,
    {
      $id: '1',
      innerException: null,
      message,
      typeName: `Microsoft.TeamFoundation.${typeKey}, Microsoft.TeamFoundation`,
      typeKey,
      errorCode: 0,
      eventId: 3000,
    },
    headers,
  );
}

export const notFound = {
  project: (name: string) =>
    new AzureError(
      404,
      'ProjectDoesNotExistWithNameException',
      `TF200016: The following project does not exist: ${name}. Verify that the name of the project is correct and that the project exists on the specified Azure DevOps Server.`,
    ),
  repository: (name: string) =>
    new AzureError(
      404,
      'GitRepositoryNotFoundException',
      `TF401019: The Git repository with name or identifier ${name} does not exist or you do not have permissions for the operation you are attempting.`,
    ),
  build: (id: string) =>
    new AzureError(404, 'BuildNotFoundException', `The requested build ${id} could not be found.`),
  definition: (id: string) =>
    new AzureError(404, 'DefinitionNotFoundException', `Build definition ${id} could not be found.`),
  pullRequest: () =>
    new AzureError(
      404,
      'GitPullRequestNotFoundException',
      'TF401180: The requested pull request was not found.',
    ),
  commit: (id: string) =>
    new AzureError(
      404,
      'GitUnresolvableToCommitException',
      `TF401175: The version descriptor <Commit: ${id}> could not be resolved to a version in the repository`,
    ),
  item: (path: string) =>
    new AzureError(
      404,
      'GitItemNotFoundException',
      `TF401174: The item '${path}' could not be found in the repository at the specified version.`,
    ),
  subscription: (id: string) =>
    new AzureError(404, 'SubscriptionNotFoundException', `The subscription ${id} could not be found.`),
};

export function invalidArgument(message: string): AzureError {
  return new AzureError(400, 'InvalidArgumentValueException', message);
}
