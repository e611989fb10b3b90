import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, Billing, ProjectionType, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import {
  OPEN_INDEX,
  TABLE,
  TENANT_INDEX,
} from '../../shared/adapters/dynamodb/table/table-definition.ts';
import type { ServiceFunction } from './service-function.ts';

export interface StateTableProps {
  /** Whether the table outlives its stack, and refuses to be deleted. */
  readonly isRetained: boolean;
}

/** Partitions of API keys by digest, as shared/adapters/dynamodb/key-store.ts names them. */
const KEY_ITEMS = 'KEY#*';

type Use = 'read' | 'write';

const ACTIONS: Readonly<Record<Use, readonly string[]>> = {
  read: ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'],
  // Transactions are allowed by what they consist of.
  write: ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'],
};

/** The one table: requests, outcomes, usage, capacity, keys. Nobody may scan it. */
export class StateTable extends Construct {
  readonly table: TableV2;

  constructor(scope: Construct, id: string, { isRetained }: StateTableProps) {
    super(scope, id);
    const text = (name: string) => ({ name, type: AttributeType.STRING });
    this.table = new TableV2(this, 'Table', {
      partitionKey: text(TABLE.pk),
      sortKey: text(TABLE.sk),
      billing: Billing.onDemand(),
      timeToLiveAttribute: TABLE.ttl,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: isRetained,
      removalPolicy: isRetained ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      globalSecondaryIndexes: [OPEN_INDEX, TENANT_INDEX].map((index) => ({
        indexName: index.name,
        partitionKey: text(index.pk),
        sortKey: text(index.sk),
        projectionType: ProjectionType.KEYS_ONLY,
      })),
    });
  }

  /** Lets a function read items by key, and write them when `use` is `write`. */
  allow(fn: ServiceFunction, ...uses: readonly Use[]): void {
    fn.allow(
      uses.flatMap((use) => ACTIONS[use]),
      [this.table.tableArn],
    );
  }

  /** Lets a function look API keys up by their digest, and see nothing else. */
  allowKeyLookup(fn: ServiceFunction): void {
    fn.allow(['dynamodb:GetItem'], [this.table.tableArn], {
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [KEY_ITEMS] },
    });
  }

  /** Lets a function query the indexes named. */
  allowQuery(fn: ServiceFunction, ...indexes: readonly { readonly name: string }[]): void {
    const arns = indexes.map(({ name }) => `${this.table.tableArn}/index/${name}`);
    fn.allow(['dynamodb:Query'], arns);
  }
}
