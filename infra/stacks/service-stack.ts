import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { State } from '../constructs/state.ts';
import { Penstock } from '../penstock.ts';
import type { Settings } from '../settings.ts';

export interface ServiceStackProps extends StackProps {
  readonly settings: Settings;
  /** From the state stack. */
  readonly state: State;
  /** Names the deployment, e.g. `penstock-prod`. */
  readonly service: string;
  /**
   * Where the emulator listens, which serves APIs below a path of its own.
   * @default - it is deployed to AWS
   */
  readonly emulatorEndpoint?: string;
}

/** Everything that can be made anew. */
export class ServiceStack extends Stack {
  readonly penstock: Penstock;

  constructor(scope: Construct, id: string, props: ServiceStackProps) {
    const { settings, state, service, emulatorEndpoint, ...rest } = props;
    super(scope, id, rest);
    const { alarmTopicArn } = settings;
    const topic = alarmTopicArn ? Topic.fromTopicArn(this, 'AlarmTopic', alarmTopicArn) : null;
    this.penstock = new Penstock(this, 'Penstock', {
      service,
      state,
      config: { file: settings.config },
      logRetention: settings.logRetentionDays,
      dispatch: {
        bulkBatchSize: settings.bulkBatchSize,
        bulkWindow: Duration.seconds(settings.bulkWindowSeconds),
        bulkConcurrency: settings.bulkConcurrency,
        interactiveConcurrency: settings.interactiveConcurrency,
        timeout: Duration.seconds(settings.dispatchTimeoutSeconds),
        memoryMb: settings.dispatchMemoryMb,
        maxReceives: settings.maxReceives,
      },
      api: {
        stageName: settings.stage,
        throttleRate: settings.throttleRate,
        throttleBurst: settings.throttleBurst,
        hasLogRole: settings.apiGatewayLogRole,
      },
      operations: {
        alarmActions: topic ? [new SnsAction(topic)] : [],
        hourlyCostAlarmUsd: settings.hourlyCostAlarmUsd,
        isWithoutMath: settings.emulator,
        queueAgeAlarm: Duration.seconds(settings.queueAgeAlarmSeconds),
      },
    });
    const { configuration, api, dispatcher } = this.penstock.service;
    const baseUrl = emulatorEndpoint
      ? `${emulatorEndpoint}/restapis/${api.api.restApiId}/${settings.stage}/_user_request_`
      : this.penstock.baseUrl;
    const output = (name: string, description: string, value: string) =>
      new CfnOutput(this, name, { description, value });
    output('BaseUrl', 'Where it is called; /v1 comes after it', baseUrl);
    output('ConfigParameter', 'penstock.yaml', configuration.parameter.parameterName);
    const { bulk } = dispatcher;
    output('BulkQueueUrl', 'Notices of bulk work', bulk.queue.queueUrl);
  }
}
