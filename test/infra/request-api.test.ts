import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { GATEWAY_PROBLEMS } from '../../infra/constructs/gateway-problems.ts';
import { toOpenAiError } from '../../shared/contracts/openai-error.ts';
import { ERROR_PRESENTATIONS, problemSchema, toProblem } from '../../shared/contracts/problem.ts';
import { AppError, type ErrorCode } from '../../shared/domain/errors.ts';
import { resourcesOf, synthesize } from './synthesize.ts';

const { service } = synthesize({ stage: 'prod', throttleRate: 50, throttleBurst: 75 });

describe('the API', () => {
  it('asks for a key on every route but three, one of which is signed', () => {
    const methods = [...resourcesOf(service, 'AWS::ApiGateway::Method').values()];
    const open = methods.filter((method) => method['AuthorizationType'] === 'NONE');
    const resources = resourcesOf(service, 'AWS::ApiGateway::Resource');
    const pathOf = (method: Readonly<Record<string, unknown>>) =>
      resources.get(Object(method['ResourceId']).Ref)?.['PathPart'];
    expect(open.map(pathOf)).toEqual(['healthz', 'openapi.json', '{provider}']);
    expect(open.map((method) => method['HttpMethod'])).toEqual(['GET', 'GET', 'POST']);
    const closed = methods.filter((method) => method['AuthorizationType'] === 'CUSTOM');
    expect(closed.map((method) => [pathOf(method), method['HttpMethod']])).toEqual([
      ['{proxy+}', 'ANY'],
    ]);
    expect(methods).toHaveLength(4);
  });

  it('asks anew for every call, since with identity sources it would demand both headers', () => {
    service.hasResourceProperties('AWS::ApiGateway::Authorizer', {
      Type: 'REQUEST',
      AuthorizerResultTtlInSeconds: 0,
      IdentitySource: Match.absent(),
    });
  });

  it('is throttled, traced, and logs neither queries nor headers nor bodies', () => {
    service.hasResourceProperties('AWS::ApiGateway::Stage', {
      TracingEnabled: true,
      MethodSettings: [
        {
          HttpMethod: '*',
          ResourcePath: '/*',
          ThrottlingRateLimit: 50,
          ThrottlingBurstLimit: 75,
          LoggingLevel: 'ERROR',
          DataTraceEnabled: false,
          MetricsEnabled: true,
        },
      ],
    });
    const [stage] = [...resourcesOf(service, 'AWS::ApiGateway::Stage').values()];
    const format = String(Object(stage?.['AccessLogSetting']).Format);
    expect(Object.keys(JSON.parse(format))).toContain('tenant');
    expect(format).not.toMatch(/querystring|header|input|body|requestOverride|userAgent/i);
  });

  it('is regional', () => {
    service.hasResourceProperties('AWS::ApiGateway::RestApi', {
      EndpointConfiguration: { Types: ['REGIONAL'] },
    });
  });
});

describe("the gateway's own answers", () => {
  const responses = [...resourcesOf(service, 'AWS::ApiGateway::GatewayResponse').values()];
  const bodyOf = (status: number, code: string) => {
    const found = responses.find(
      (one) => one['StatusCode'] === String(status) && templateOf(one).includes(`"code":"${code}"`),
    );
    return JSON.parse(found ? templateOf(found) : '{}');
  };

  it.each(GATEWAY_PROBLEMS)('$status $code reads like one of the API', (problem) => {
    const code = problem.code as ErrorCode;
    expect(ERROR_PRESENTATIONS).toHaveProperty(code);
    const error = new AppError(code, problem.detail);
    const context = { status: problem.status, instance: '$context.requestId' };
    const { error: forOpenAi, ...body } = bodyOf(problem.status, problem.code);
    const expected = toProblem(error, context);
    expect(problemSchema.parse(body)).toEqual({
      ...expected,
      retryable: problem.isRetryable,
      detail: problem.detail,
    });
    expect(forOpenAi).toEqual({ ...toOpenAiError(error, context).error, message: problem.detail });
  });

  it('cover what the gateway refuses, and say what they are', () => {
    expect(responses.map((one) => one['ResponseType'])).toEqual(
      expect.arrayContaining([
        'UNAUTHORIZED',
        'ACCESS_DENIED',
        'REQUEST_TOO_LARGE',
        'THROTTLED',
        'DEFAULT_5XX',
      ]),
    );
    for (const one of responses) {
      expect(one['ResponseParameters']).toMatchObject({
        'gatewayresponse.header.content-type': "'application/problem+json'",
      });
    }
  });
});

function templateOf(response: Readonly<Record<string, unknown>>): string {
  return String(Object(response['ResponseTemplates'])['application/json']);
}
