import { type Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import {
  PolicyStatement,
  type PolicyStatementProps,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource, type SqsEventSourceProps } from 'aws-cdk-lib/aws-lambda-event-sources';
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct, type IConstruct } from 'constructs';
import {
  BUNDLE_TARGET,
  LEFT_OUT,
  MAIN_FIELDS,
  REQUIRE_BANNER,
} from '../../shared/contracts/bundling.ts';
import type { ENV } from '../../shared/contracts/env-keys.ts';
import { METRIC_NAMESPACE } from '../../shared/contracts/metric-names.ts';
import { LOCK_FILE, REPOSITORY } from '../entrypoints.ts';

/** What all functions of one deployment have in common. */
export interface FunctionDefaults {
  /** Names the deployment in logs, traces and metrics, e.g. `penstock-prod`. */
  readonly service: string;
  readonly logRetention: RetentionDays;
}

type EnvName = (typeof ENV)[keyof typeof ENV];

export interface ServiceFunctionProps {
  readonly defaults: FunctionDefaults;
  /** One of ENTRYPOINTS. */
  readonly entry: string;
  /** What it does, for the console's list. */
  readonly description: string;
  readonly timeout: Duration;
  /** CPU comes with it: 1769 MB are one core. Unit: MB. */
  readonly memoryMb: number;
  /** Names and addresses only: whoever may list functions can read this. */
  readonly environment: Readonly<Partial<Record<EnvName, string>>>;
}

/**
 * A function as this house makes them: Node 24 on arm64, one minified ESM file, JSON logs that are
 * kept for a stated time, traces, and a role that may do nothing else until `allow` says so.
 */
export class ServiceFunction extends Construct {
  readonly lambda: NodejsFunction;
  readonly #role: Role;

  constructor(scope: Construct, id: string, props: ServiceFunctionProps) {
    super(scope, id);
    const { defaults, environment, memoryMb, ...rest } = props;
    const logGroup = new LogGroup(this, 'Logs', {
      retention: defaults.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // Not the managed policy: that one lets a function write to every log group of the account.
    this.#role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    });
    this.allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [logGroup.logGroupArn]);
    Validations.of(this).acknowledge({
      id: 'Serverless-LambdaDLQ',
      reason:
        'Only ticks of a clock start functions asynchronously, and carry nothing; queues have DLQs of their own.',
    });
    Validations.of(this.#role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason:
        'X-Ray has no resources to name: PutTraceSegments and PutTelemetryRecords take only *.',
    });

    this.lambda = new NodejsFunction(this, 'Function', {
      ...rest,
      role: this.#role,
      logGroup,
      memorySize: memoryMb,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      tracing: Tracing.ACTIVE,
      loggingFormat: LoggingFormat.JSON,
      systemLogLevelV2: SystemLogLevel.WARN,
      environment: {
        ...environment,
        POWERTOOLS_SERVICE_NAME: defaults.service,
        POWERTOOLS_METRICS_NAMESPACE: METRIC_NAMESPACE,
      },
      awsSdkConnectionReuse: false,
      depsLockFilePath: LOCK_FILE,
      projectRoot: REPOSITORY,
      bundling: {
        format: OutputFormat.ESM,
        target: BUNDLE_TARGET,
        minify: true,
        // Beside the bundle they would be three quarters of what a cold start downloads.
        sourceMap: false,
        mainFields: MAIN_FIELDS,
        externalModules: LEFT_OUT,
        banner: REQUIRE_BANNER,
        // The runtime's own SDK changes under a function that was not deployed.
        bundleAwsSDK: true,
      },
    });
  }

  /** Invokes the function with the queue's messages; it names those that failed. */
  addQueue(queue: IQueue, props: SqsEventSourceProps): void {
    this.lambda.addEventSource(
      new SqsEventSource(queue, { ...props, reportBatchItemFailures: true }),
    );
    Validations.of(this.lambda).acknowledge({
      id: 'Serverless-LambdaEventSourceMappingDestination',
      reason: 'Destinations of a mapping are for streams; a queue has its dead-letter queue.',
    });
  }

  /**
   * Lets the function do these actions on everything below a resource, e.g. on the objects of a
   * bucket that begin with `/t/`. The reason is for whoever reviews wildcards.
   */
  allowBelow(
    actions: readonly string[],
    {
      arn,
      owner,
      below,
      reason,
    }: {
      readonly arn: string;
      readonly owner: IConstruct;
      readonly below: string;
      readonly reason: string;
    },
  ): void {
    this.allow(actions, [`${arn}${below}*`]);
    Validations.of(this.#role).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${this.#referenceTo(arn, owner)}${below}*]`,
      reason,
    });
  }

  /** An ARN as cdk-nag writes it in the id of a finding, from this stack or from another one. */
  #referenceTo(arn: string, owner: IConstruct): string {
    const here = Stack.of(this);
    const there = Stack.of(owner);
    if (here === there) return `<${here.resolve(arn)['Fn::GetAtt'].join('.')}>`;
    return here.resolve(there.exportValue(arn))['Fn::ImportValue'];
  }

  /** Lets the function do exactly these actions on exactly these resources. */
  allow(
    actions: readonly string[],
    resources: readonly string[],
    conditions?: PolicyStatementProps['conditions'],
  ): void {
    this.#role.addToPrincipalPolicy(
      new PolicyStatement({ actions: [...actions], resources: [...resources], conditions }),
    );
  }
}
