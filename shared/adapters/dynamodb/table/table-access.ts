import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { Clock } from '../../../ports/clock.ts';
import type { Random } from '../../../ports/random.ts';
import type { CallAws } from '../../aws/call-aws.ts';

/** The table of a deployment, as its stores share it. */
export interface TableAccess {
  readonly client: DynamoDBDocumentClient;
  readonly name: string;
  readonly callAws: CallAws;
  readonly clock: Clock;
  readonly random: Random;
}

/** Names the service in errors. */
export const SERVICE = 'DynamoDB';

/** Most characters of the token that makes a repeated transaction the same one. */
const TOKEN_LETTERS = 36;

/** A token for one transaction, kept over its retries. */
export function transactionToken(random: Random): string {
  return random.id('').slice(0, TOKEN_LETTERS);
}
