import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type BucketProps,
  CfnBucket,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { ServiceFunction } from './service-function.ts';

export interface PayloadBucketProps {
  /** Whether the bucket outlives its stack. */
  readonly isRetained: boolean;
  /** After this nothing is left, also no old version. */
  readonly retention: Duration;
}

type Use = 'read' | 'write' | 'list';

/** Everything of tenants lies below it: `t/<tenant>/...`. */
const TENANT_PREFIX = 't';
/** How long what was overwritten or deleted can be brought back. */
const UNDO = Duration.days(1);
const ACCESS_LOG_RETENTION = Duration.days(90);

/** The bucket of request bodies, results and uploads, and the bucket of its access log. */
export class PayloadBucket extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { isRetained, retention }: PayloadBucketProps) {
    super(scope, id);
    const locked: BucketProps = {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      removalPolicy: isRetained ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    };
    const accessLog = new Bucket(this, 'AccessLog', {
      ...locked,
      lifecycleRules: [{ id: 'expire', expiration: ACCESS_LOG_RETENTION }],
    });
    Validations.of(accessLog).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'This is the access log; logging its own writes would never end.',
    });
    this.bucket = new Bucket(this, 'Bucket', {
      ...locked,
      versioned: true,
      lifecycleRules: [
        {
          id: 'expire',
          expiration: retention,
          noncurrentVersionExpiration: UNDO,
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
        // A version that outlives its object leaves a marker behind, and markers are listed for ever.
        { id: 'remove-markers', expiredObjectDeleteMarker: true },
      ],
    });
    this.#logAccessTo(accessLog);
  }

  /** As CDK does it under a flag; without the flag it falls back to ACLs, which are switched off. */
  #logAccessTo(accessLog: Bucket): void {
    const resource = this.bucket.node.defaultChild;
    if (resource instanceof CfnBucket) {
      resource.loggingConfiguration = { destinationBucketName: accessLog.bucketName };
    }
    accessLog.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('logging.s3.amazonaws.com')],
        actions: ['s3:PutObject'],
        resources: [accessLog.arnForObjects('*')],
        conditions: {
          ArnLike: { 'aws:SourceArn': this.bucket.bucketArn },
          StringEquals: { 'aws:SourceAccount': Stack.of(this).account },
        },
      }),
    );
  }

  /**
   * Lets a function read or write what tenants own. `list` also turns the answer for a missing
   * object from 403 into 404.
   */
  allow(fn: ServiceFunction, ...uses: readonly Use[]): void {
    const actions = [
      ...(uses.includes('read') ? ['s3:GetObject'] : []),
      ...(uses.includes('write') ? ['s3:PutObject'] : []),
    ];
    fn.allowBelow(actions, {
      arn: this.bucket.bucketArn,
      owner: this.bucket,
      below: `/${TENANT_PREFIX}/`,
      reason: 'Objects are named when they are written; all lie below this prefix.',
    });
    if (uses.includes('list')) fn.allow(['s3:ListBucket'], [this.bucket.bucketArn]);
  }
}
