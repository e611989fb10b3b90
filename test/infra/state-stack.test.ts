import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { resourcesOf, synthesize, withoutHashes } from './synthesize.ts';

const STATEFUL = ['AWS::DynamoDB::GlobalTable', 'AWS::S3::Bucket', 'AWS::SecretsManager::Secret'];
const { state } = synthesize({ stage: 'prod' });

describe('the state stack', () => {
  it('is as it was', () => {
    expect(withoutHashes(state)).toMatchSnapshot();
  });

  it('keeps the names under which CloudFormation knows data: a new name is a new, empty table', () => {
    const ids = STATEFUL.flatMap((type) => Object.keys(state.findResources(type)));
    expect(ids.toSorted()).toEqual([
      'StatePayloadsAccessLog907FED96',
      'StatePayloadsBucketB3AEA3C7',
      'StateRequestsTable0050C31C',
      'StateSecretsAdminKey48A64FE6',
      'StateSecretsPepperC5F280E3',
    ]);
  });

  it('keeps data when it is deleted, unless told not to', () => {
    const policies = (template: typeof state) =>
      STATEFUL.flatMap((type) => Object.values(template.findResources(type))).map(
        (resource) => resource['DeletionPolicy'],
      );
    expect(new Set(policies(state))).toEqual(new Set(['Retain']));
    const { state: fleeting } = synthesize({ retain: 'false' });
    expect(new Set(policies(fleeting))).toEqual(new Set(['Delete']));
    fleeting.hasResourceProperties('AWS::DynamoDB::GlobalTable', {
      Replicas: [Match.objectLike({ DeletionProtectionEnabled: false })],
    });
  });

  it('has a table on demand that can be restored, expires items, and has two sparse indexes', () => {
    const index = (name: string, keys: string[]) => ({
      IndexName: name,
      KeySchema: keys.map((key, at) => ({
        AttributeName: key,
        KeyType: at === 0 ? 'HASH' : 'RANGE',
      })),
      Projection: { ProjectionType: 'KEYS_ONLY' },
    });
    state.hasResourceProperties('AWS::DynamoDB::GlobalTable', {
      BillingMode: 'PAY_PER_REQUEST',
      TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true },
      GlobalSecondaryIndexes: [
        index('open', ['gsi1pk', 'gsi1sk']),
        index('byTenant', ['gsi2pk', 'gsi2sk']),
      ],
      Replicas: [
        Match.objectLike({
          DeletionProtectionEnabled: true,
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        }),
      ],
    });
  });

  it('has buckets that are private, take TLS only, and expire what they hold', () => {
    const buckets = [...resourcesOf(state, 'AWS::S3::Bucket').values()];
    expect(buckets).toHaveLength(2);
    for (const bucket of buckets) {
      expect(bucket).toMatchObject({
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
      });
    }
    state.resourcePropertiesCountIs(
      'AWS::S3::BucketPolicy',
      {
        PolicyDocument: {
          Statement: Match.arrayWith([
            Match.objectLike({
              Effect: 'Deny',
              Condition: { Bool: { 'aws:SecureTransport': 'false' } },
            }),
          ]),
        },
      },
      2,
    );
    state.hasResourceProperties('AWS::S3::Bucket', {
      VersioningConfiguration: { Status: 'Enabled' },
      LifecycleConfiguration: {
        Rules: [
          Match.objectLike({
            ExpirationInDays: 30,
            NoncurrentVersionExpiration: { NoncurrentDays: 1 },
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
          }),
          Match.objectLike({ ExpiredObjectDeleteMarker: true }),
        ],
      },
    });
  });

  it('makes its secrets itself', () => {
    const secrets = [...resourcesOf(state, 'AWS::SecretsManager::Secret').values()];
    expect(secrets).toHaveLength(2);
    for (const secret of secrets) {
      expect(secret).toMatchObject({
        GenerateSecretString: { PasswordLength: 43, ExcludePunctuation: true },
      });
      expect(secret).not.toHaveProperty('SecretString');
    }
  });

  it('says where things are, and how to get the first key', () => {
    const outputs = Object.keys(state.findOutputs('*')).filter((id) => !id.startsWith('Exports'));
    expect(outputs.toSorted()).toEqual([
      'AdminKeyCommand',
      'AdminKeySecret',
      'BucketName',
      'TableName',
    ]);
  });
});
