import {
  type APIGatewayProxyResult,
  handle,
  type LambdaContext,
  type LambdaEvent,
} from 'hono/aws-lambda';
import type { Api } from './wire.ts';

/**
 * Hands one call of API Gateway to the app, with the event that says who calls. All answers are
 * text: in base64 they would reach the caller as such, since the gateway decodes none of them.
 */
export function createHandler(loadApi: () => Promise<Api>) {
  return async (event: LambdaEvent, context: LambdaContext): Promise<APIGatewayProxyResult> => {
    const api = await loadApi();
    return handle(api, { isContentTypeBinary: () => false })(event, context);
  };
}
