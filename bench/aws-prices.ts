/** List prices of AWS that a deployment of Penstock pays by use. */

export interface AwsPrice {
  readonly usd: number;
  readonly per: string;
}

/**
 * us-east-1, without free tiers, as of November 2026. The API is a REST API; its price is for the
 * first 333 million calls a month. DynamoDB is on demand, Lambda is arm64.
 * Source: AWS price pages, collected in the project's facts on performance, section 7.
 */
export const AWS_PRICES = {
  region: 'us-east-1',
  readOn: '2026-11',
  apiCalls: { usd: 3.5, per: 'million calls' },
  invocations: { usd: 0.2, per: 'million invocations' },
  gigabyteSeconds: { usd: 0.000_013_333_4, per: 'GB-second' },
  queueCalls: { usd: 0.4, per: 'million calls of up to 64 KB' },
  writeUnits: { usd: 0.625, per: 'million units of 1 KB' },
  readUnits: { usd: 0.125, per: 'million units of 4 KB' },
  objectPuts: { usd: 5, per: 'million puts and lists' },
  objectGets: { usd: 0.4, per: 'million gets' },
  objectStorage: { usd: 0.023, per: 'GB-month' },
  tableStorage: { usd: 0.25, per: 'GB-month' },
  tableBackup: { usd: 0.2, per: 'GB-month of point-in-time recovery' },
  egress: { usd: 0.09, per: 'GB out' },
  logs: { usd: 0.5, per: 'GB taken in' },
} as const satisfies Readonly<Record<string, AwsPrice | string>>;
