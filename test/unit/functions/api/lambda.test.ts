import type { LambdaEvent } from 'hono/aws-lambda';
import { describe, expect, it } from 'vitest';
import { authenticateByGateway } from '../../../../functions/api/authenticate.ts';
import { createHandler } from '../../../../functions/api/handler.ts';
import { encodePrincipal } from '../../../../shared/contracts/principal-context.ts';
import type { Scope } from '../../../../shared/domain/api-key.ts';
import { HELLO, startApi } from '../../../support/api-under-test.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { lambdaContext } from '../../../support/lambda-events.ts';

const ITEM = { endpoint: '/v1/chat/completions', body: HELLO };

interface Call {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly authorizer?: unknown;
}

function start() {
  const { app } = startApi({ clock: new FakeClock(), authenticate: authenticateByGateway });
  const handler = createHandler(async () => app);
  return async ({ method = 'GET', path, headers = {}, body, authorizer }: Call) => {
    const event = {
      path,
      httpMethod: method,
      headers: { host: 'id.execute-api.test', 'content-type': 'application/json', ...headers },
      body: body === undefined ? null : JSON.stringify(body),
      isBase64Encoded: false,
      requestContext: { authorizer, path: `/stage${path}`, stage: 'stage' },
    };
    return handler(event as unknown as LambdaEvent, lambdaContext());
  };
}

const callerOf = (tenant: string, ...scopes: Scope[]) =>
  encodePrincipal({ tenant, scopes, monthlyBudgetMicroUsd: null });

describe('the API behind the gateway', () => {
  it('takes the tenant from the authorizer, and from nothing that the caller sent', async () => {
    const call = start();
    const own = callerOf('own', 'read', 'write');
    const { body } = await call({
      method: 'POST',
      path: '/v1/requests',
      body: ITEM,
      authorizer: own,
    });
    const path = `/v1/requests/${JSON.parse(body).id}`;
    const statusFor = async (extra: Partial<Call>) => (await call({ path, ...extra })).statusCode;
    expect(await statusFor({ authorizer: own })).toBe(200);
    const claims = { tenant: 'own', 'x-tenant': 'own', authorization: 'Bearer own' };
    const foreign = callerOf('foreign', 'read');
    expect(await statusFor({ authorizer: foreign, headers: claims })).toBe(404);
  });

  it.each([
    ['no context', undefined],
    ['an empty one', {}],
    ['one without scopes', { tenant: 'a' }],
    ['one with a scope that is none', { ...callerOf('a'), scopes: 'root' }],
  ])('refuses %s', async (_, authorizer) => {
    const answer = await start()({
      path: '/v1/requests',
      authorizer,
      headers: { authorization: 'Bearer any' },
    });
    expect([answer.statusCode, JSON.parse(answer.body).code]).toEqual([401, 'unauthenticated']);
  });

  it('obeys the scopes', async () => {
    const answer = await start()({
      method: 'POST',
      path: '/v1/requests',
      body: ITEM,
      authorizer: callerOf('a', 'read'),
    });
    expect(answer.statusCode).toBe(403);
  });

  it('asks nobody who he is where all may look', async () => {
    expect((await start()({ path: '/healthz' })).statusCode).toBe(200);
  });

  it('hands every answer on as text, lines of results too', async () => {
    const call = start();
    const caller = callerOf('a', 'read', 'write');
    const answers = [
      await call({ path: '/v1/results', authorizer: caller }),
      await call({ path: '/openapi.json' }),
      await call({ path: '/nowhere' }),
    ];
    expect(answers.map(({ isBase64Encoded }) => isBase64Encoded)).toEqual([false, false, false]);
    expect(answers[0]?.statusCode).toBe(200);
  });
});
