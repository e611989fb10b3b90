import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { PayloadBucket } from './payload-bucket.ts';
import { ServiceSecrets } from './service-secrets.ts';
import { StateTable } from './state-table.ts';

export interface StateProps {
  /**
   * Whether data outlives the stack, and the table refuses to be deleted.
   * @default true
   */
  readonly isRetained?: boolean;
  /**
   * After this requests, results and uploads are deleted.
   * @default Duration.days(30)
   */
  readonly retention?: Duration;
}

/** All that would be missed: table, bucket and secrets. Everything else can be made anew. */
export class State extends Construct {
  readonly table: StateTable;
  readonly bucket: PayloadBucket;
  readonly secrets: ServiceSecrets;
  readonly retention: Duration;

  constructor(scope: Construct, id: string, props: StateProps = {}) {
    super(scope, id);
    const isRetained = props.isRetained ?? true;
    this.retention = props.retention ?? Duration.days(30);
    this.table = new StateTable(this, 'Requests', { isRetained });
    this.bucket = new PayloadBucket(this, 'Payloads', { isRetained, retention: this.retention });
    this.secrets = new ServiceSecrets(this, 'Secrets', { isRetained });
  }

  /** Where a function finds the data, and how long it is to be kept. */
  get environment() {
    return {
      [ENV.table]: this.table.table.tableName,
      [ENV.bucket]: this.bucket.bucket.bucketName,
      [ENV.retentionDays]: String(this.retention.toDays()),
    } as const;
  }
}
