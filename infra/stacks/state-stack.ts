import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { State } from '../constructs/state.ts';
import type { Settings } from '../settings.ts';

export interface StateStackProps extends StackProps {
  readonly settings: Settings;
}

/** What would be missed: apart from the code, so that a bad deployment cannot reach it. */
export class StateStack extends Stack {
  readonly state: State;

  constructor(scope: Construct, id: string, { settings, ...props }: StateStackProps) {
    super(scope, id, { ...props, terminationProtection: settings.retain });
    this.state = new State(this, 'State', {
      isRetained: settings.retain,
      retention: Duration.days(settings.retentionDays),
    });
    const { table, bucket, secrets } = this.state;
    const output = (name: string, description: string, value: string) =>
      new CfnOutput(this, name, { description, value });
    output('TableName', 'Requests, capacity and keys', table.table.tableName);
    output('BucketName', 'Bodies, results and uploads', bucket.bucket.bucketName);
    output(
      'AdminKeySecret',
      'Secret with the key of the first administrator',
      secrets.adminKey.secretArn,
    );
    output(
      'AdminKeyCommand',
      'Prints that key',
      `aws secretsmanager get-secret-value --region ${this.region} --secret-id ${secrets.adminKey.secretArn} --query SecretString --output text`,
    );
  }
}
