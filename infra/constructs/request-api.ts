import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import {
  AccessLogFormat,
  AuthorizationType,
  EndpointType,
  LambdaIntegration,
  LogGroupLogDestination,
  MethodLoggingLevel,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { OPEN_INDEX, TENANT_INDEX } from '../../shared/adapters/dynamodb/table/table-definition.ts';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { ENTRYPOINTS } from '../entrypoints.ts';
import type { BatchDispatcher } from './batch-dispatcher.ts';
import type { BatchValidator } from './batch-validator.ts';
import type { Configuration } from './configuration.ts';
import { allowEvents } from './event-bus.ts';
import { addGatewayProblems } from './gateway-problems.ts';
import { KeyAuthorizer } from './key-authorizer.ts';
import { type FunctionDefaults, ServiceFunction } from './service-function.ts';
import { allowSecret } from './service-secrets.ts';
import type { State } from './state.ts';

/** How the API is named and bounded. */
export interface RequestApiOptions {
  /**
   * Name of the API's stage, which begins every path. a-z, 0-9 and -.
   * @default 'penstock'
   */
  readonly stageName?: string;
  /**
   * Calls a second, all tenants together, before the gateway answers 429.
   * @default 200
   */
  readonly throttleRate?: number;
  /**
   * Most calls at once.
   * @default 400
   */
  readonly throttleBurst?: number;
  /**
   * Whether to give API Gateway a role for logs. It is one for the account and region: where
   * another stack has set it, this one need not.
   * @default true
   */
  readonly hasLogRole?: boolean;
}

export interface RequestApiProps extends RequestApiOptions {
  readonly defaults: FunctionDefaults;
  readonly state: State;
  readonly configuration: Configuration;
  /** Whose queues the API rings. */
  readonly dispatcher: BatchDispatcher;
  /** Whose queue the API rings for batches. */
  readonly validator: BatchValidator;
}

/** Nobody's key is asked for here. */
const OPEN_PATHS = ['healthz', 'openapi.json'];

/** All else is text; text is passed on as it is, which leaves more room than base64. */
const BINARY_TYPES = ['multipart/form-data', 'application/octet-stream', 'application/gzip'];

/** No query and no headers: keys and cursors are not for logs. */
const ACCESS_LOG = AccessLogFormat.custom(
  JSON.stringify({
    requestId: '$context.requestId',
    requestTime: '$context.requestTime',
    sourceIp: '$context.identity.sourceIp',
    method: '$context.httpMethod',
    path: '$context.path',
    status: '$context.status',
    tenant: '$context.authorizer.tenant',
    responseBytes: '$context.responseLength',
    latencyMs: '$context.responseLatency',
    functionLatencyMs: '$context.integrationLatency',
    fault: '$context.error.responseType',
  }),
);

/** The REST API, its authorizer, and the function behind every route. */
export class RequestApi extends Construct {
  readonly api: RestApi;
  readonly fn: ServiceFunction;
  readonly authorizer: KeyAuthorizer;

  constructor(scope: Construct, id: string, props: RequestApiProps) {
    super(scope, id);
    const { defaults, state } = props;
    this.fn = this.#createFunction(props);
    this.authorizer = new KeyAuthorizer(this, 'Keys', { defaults, state });
    const accessLog = new LogGroup(this, 'AccessLog', {
      retention: defaults.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.api = new RestApi(this, 'Api', {
      restApiName: defaults.service,
      description: 'Penstock: LLM requests, answered once',
      endpointTypes: [EndpointType.REGIONAL],
      binaryMediaTypes: BINARY_TYPES,
      cloudWatchRole: props.hasLogRole ?? true,
      cloudWatchRoleRemovalPolicy: RemovalPolicy.RETAIN,
      deployOptions: {
        stageName: props.stageName ?? 'penstock',
        accessLogDestination: new LogGroupLogDestination(accessLog),
        accessLogFormat: ACCESS_LOG,
        loggingLevel: MethodLoggingLevel.ERROR,
        dataTraceEnabled: false,
        metricsEnabled: true,
        tracingEnabled: true,
        throttlingRateLimit: props.throttleRate ?? 200,
        throttlingBurstLimit: props.throttleBurst ?? 400,
      },
    });
    // It would repeat the URL, under a name that nobody looks for.
    this.api.node.tryRemoveChild('Endpoint');
    addGatewayProblems(this.api);
    this.#addRoutes();
    this.#acknowledge();
  }

  /** Where it is called, without a slash at the end; `/v1` comes after it. */
  get baseUrl(): string {
    const { region, urlSuffix } = Stack.of(this);
    const { stageName } = this.api.deploymentStage;
    return `https://${this.api.restApiId}.execute-api.${region}.${urlSuffix}/${stageName}`;
  }

  #createFunction({
    defaults,
    state,
    configuration,
    dispatcher,
    validator,
  }: RequestApiProps): ServiceFunction {
    const batches = validator.batches.queue;
    const queues = [dispatcher.interactive.queue, dispatcher.bulk.queue, batches];
    const fn = new ServiceFunction(this, 'Function', {
      defaults,
      entry: ENTRYPOINTS.api,
      description: 'Penstock: the HTTP API',
      timeout: Duration.seconds(29),
      memoryMb: 1_769,
      environment: {
        ...state.environment,
        [ENV.configParameter]: configuration.parameter.parameterName,
        [ENV.pepperSecret]: state.secrets.pepper.secretArn,
        [ENV.interactiveQueueUrl]: dispatcher.interactive.queue.queueUrl,
        [ENV.bulkQueueUrl]: dispatcher.bulk.queue.queueUrl,
        [ENV.batchQueueUrl]: batches.queueUrl,
      },
    });
    state.table.allow(fn, 'read', 'write');
    state.table.allowQuery(fn, OPEN_INDEX, TENANT_INDEX);
    state.bucket.allow(fn, 'read', 'write', 'list');
    allowSecret(fn, state.secrets.pepper);
    configuration.allow(fn);
    configuration.allowWebhookSecrets(fn);
    allowEvents(fn);
    fn.allow(
      ['sqs:SendMessage'],
      queues.map(({ queueArn }) => queueArn),
    );
    return fn;
  }

  #addRoutes(): void {
    const integration = new LambdaIntegration(this.fn.lambda, { allowTestInvoke: false });
    for (const path of OPEN_PATHS) {
      const method = this.api.root.addResource(path).addMethod('GET', integration, {
        authorizationType: AuthorizationType.NONE,
      });
      const reason = `/${path} says nothing about tenants; whoever watches the service or writes a client needs no key for it.`;
      Validations.of(method).acknowledge(
        { id: 'AwsSolutions-APIG4', reason },
        { id: 'AwsSolutions-COG4', reason },
      );
    }
    const told = this.api.root
      .addResource('v1')
      .addResource('provider-webhooks')
      .addResource('{provider}')
      .addMethod('POST', integration, { authorizationType: AuthorizationType.NONE });
    const reason =
      'Providers have no key of ours: the function verifies the signature of each message, and takes none without a secret.';
    Validations.of(told).acknowledge(
      { id: 'AwsSolutions-APIG4', reason },
      { id: 'AwsSolutions-COG4', reason },
    );
    const all = this.api.root.addResource('{proxy+}').addMethod('ANY', integration, {
      authorizer: this.authorizer.authorizer,
      authorizationType: AuthorizationType.CUSTOM,
    });
    Validations.of(all).acknowledge({
      id: 'AwsSolutions-COG4',
      reason:
        'Callers are programs with API keys, which a Lambda authorizer checks; there are no users to sign in.',
    });
  }

  #acknowledge(): void {
    Validations.of(this.api).acknowledge(
      {
        id: 'AwsSolutions-APIG2',
        reason:
          'The function checks bodies whole and names every fault; a model here would only say "Invalid request body".',
      },
      {
        id: 'AwsSolutions-APIG3',
        reason:
          'Keys are required and calls throttled. A web ACL costs a base fee; who wants one attaches it to the stage.',
      },
      {
        id: 'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]',
        reason: 'API Gateway takes one role for the whole account and asks for this very policy.',
      },
    );
  }
}
