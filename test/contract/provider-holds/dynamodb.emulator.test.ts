import { DynamoProviderHolds } from '../../../shared/adapters/dynamodb/provider-holds.ts';
import { makeTable } from '../../support/aws-stores.ts';
import { defineProviderHoldsContract } from './suite.ts';

defineProviderHoldsContract('DynamoDB', async () => new DynamoProviderHolds(await makeTable()));
