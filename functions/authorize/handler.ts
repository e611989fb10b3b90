import type { APIGatewayAuthorizerResult, APIGatewayRequestAuthorizerEvent } from 'aws-lambda';
import { presentedKey } from '../../shared/contracts/presented-key.ts';
import { encodePrincipal } from '../../shared/contracts/principal-context.ts';
import type { AuthenticateKey } from '../../shared/usecases/authenticate-key.ts';

/** API Gateway answers 401 for an error with exactly this message, and 500 for any other. */
export class Unauthorized extends Error {
  override readonly name = 'Unauthorized';

  constructor() {
    super('Unauthorized');
  }
}

/** Adapts one authorizer event to the use case. */
export function createHandler(authenticateKey: AuthenticateKey) {
  return async (event: APIGatewayRequestAuthorizerEvent): Promise<APIGatewayAuthorizerResult> => {
    const headers = new Map(
      Object.entries(event.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
    );
    const key = presentedKey((name) => headers.get(name));
    const caller = key === null ? null : await authenticateKey(key);
    if (caller === null) throw new Unauthorized();
    return {
      principalId: caller.keyId,
      policyDocument: {
        Version: '2012-10-17',
        Statement: [
          { Action: 'execute-api:Invoke', Effect: 'Allow', Resource: wholeStage(event.methodArn) },
        ],
      },
      context: { ...encodePrincipal(caller.principal) },
    };
  };
}

/**
 * Every route of the stage. The gateway may keep the answer and use it for another route, which a
 * policy for this one alone would then refuse. What a key may do there, its scopes decide.
 */
function wholeStage(methodArn: string): string {
  const [api = '', stage = ''] = methodArn.split('/');
  return `${api}/${stage}/*`;
}
