/** What AWS adapters are made of, on the emulator. */

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { createAwsCaller } from '../../shared/adapters/aws/call-aws.ts';
import { AWS_CLIENT_OPTIONS } from '../../shared/adapters/aws/client-options.ts';
import type { Table } from '../../shared/adapters/dynamodb/table.ts';
import { systemClock } from '../../shared/adapters/system/clock.ts';
import { systemRandom } from '../../shared/adapters/system/random.ts';
import { createTable } from './aws-resources.ts';

export const callAws = createAwsCaller({ clock: systemClock, random: systemRandom });

/** A worker's view of a table, with a client of its own. */
export function openTable(name: string): Table {
  const client = DynamoDBDocumentClient.from(new DynamoDBClient(AWS_CLIENT_OPTIONS));
  return { client, name, callAws, clock: systemClock, random: systemRandom };
}

export async function makeTable(): Promise<Table> {
  return openTable(await createTable());
}
