import {
  type APIGatewayProxyResult,
  handle,
  type LambdaContext,
  type LambdaEvent,
} from 'hono/aws-lambda';
import type { Api } from './wire.ts';

/** Hands one call of API Gateway to the app, with the event that says who calls. */
export function createHandler(loadApi: () => Promise<Api>) {
  return async (event: LambdaEvent, context: LambdaContext): Promise<APIGatewayProxyResult> => {
    const api = await loadApi();
    return handle(api, { isContentTypeBinary: isBinary })(event, context);
  };
}

/** All we answer is text; what is taken for binary reaches its caller in base64. */
const isBinary = (): boolean => false;
