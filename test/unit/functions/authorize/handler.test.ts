import { describe, expect, it } from 'vitest';
import { createHandler, Unauthorized } from '../../../../functions/authorize/handler.ts';
import { decodePrincipal } from '../../../../shared/contracts/principal-context.ts';
import { type ApiKeyRecord, digestApiKey } from '../../../../shared/domain/api-key.ts';
import { createAuthenticateKey } from '../../../../shared/usecases/authenticate-key.ts';
import { authorizerEvent } from '../../../support/lambda-events.ts';

const RECORD: ApiKeyRecord = {
  id: 'key_1',
  tenant: 'acme',
  name: 'nightly',
  scopes: ['read', 'write'],
  monthlyBudgetMicroUsd: 5_000_000,
  createdAtMs: 1,
  revokedAtMs: null,
};

function start(records: Readonly<Record<string, ApiKeyRecord>> = {}) {
  const byDigest = new Map(
    Object.entries(records).map(([key, record]) => [digestApiKey(key, 'pepper'), record]),
  );
  return createHandler(
    createAuthenticateKey({
      keys: { findByDigest: async (digest) => byDigest.get(digest) ?? null },
      pepper: async () => 'pepper',
      adminKey: async () => 'the-admin-key',
    }),
  );
}

describe('the authorizer', () => {
  it.each([
    { Authorization: 'Bearer good' },
    { authorization: 'bearer good' },
    { 'X-API-Key': 'good' },
    { 'x-api-key': 'good', accept: '*/*' },
  ])('knows a key in %o', async (headers) => {
    const { principalId, context } = await start({ good: RECORD })(authorizerEvent(headers));
    expect(principalId).toBe('key_1');
    expect(context).toEqual({
      tenant: 'acme',
      scopes: 'read write',
      budget: '5000000',
    });
    expect(decodePrincipal({ ...context, principalId, integrationLatency: 3 })).toEqual({
      tenant: 'acme',
      scopes: ['read', 'write'],
      monthlyBudgetMicroUsd: 5_000_000,
    });
  });

  it('allows the whole stage, so that a kept answer fits every other route', async () => {
    const { policyDocument } = await start({ good: RECORD })(
      authorizerEvent({ 'x-api-key': 'good' }),
    );
    expect(policyDocument.Statement).toEqual([
      {
        Action: 'execute-api:Invoke',
        Effect: 'Allow',
        Resource: 'arn:aws:execute-api:eu-central-1:000000000000:api1/penstock/*',
      },
    ]);
  });

  it('knows the first administrator, without a record', async () => {
    const { context } = await start()(authorizerEvent({ authorization: 'Bearer the-admin-key' }));
    expect(decodePrincipal(context)).toEqual({
      tenant: 'default',
      scopes: ['read', 'write', 'admin'],
      monthlyBudgetMicroUsd: null,
    });
  });

  it.each([
    ['none', {}],
    ['an unknown one', { authorization: 'Bearer other' }],
    ['a revoked one', { authorization: 'Bearer revoked' }],
    ['one in another scheme', { authorization: 'Basic good' }],
    ['an empty one', { 'x-api-key': '' }],
    ['a prefix of the right one', { 'x-api-key': 'the-admin-ke' }],
  ])('refuses %s in the one word that makes it a 401', async (_, headers) => {
    const handler = start({ good: RECORD, revoked: { ...RECORD, revokedAtMs: 5 } });
    const refusal = handler(authorizerEvent(headers as Record<string, string>));
    await expect(refusal).rejects.toThrow(Unauthorized);
    await expect(refusal).rejects.toThrow(/^Unauthorized$/);
  });

  it('does not take a fault for a refusal', async () => {
    const handler = createHandler(() => Promise.reject(new Error('no table')));
    await expect(handler(authorizerEvent({ 'x-api-key': 'good' }))).rejects.toThrow('no table');
  });
});
