import { DynamoProviderMessages } from '../../../shared/adapters/dynamodb/provider-messages.ts';
import { makeTable } from '../../support/aws-stores.ts';
import { defineProviderMessagesContract } from './suite.ts';

defineProviderMessagesContract('DynamoDB', async () => ({
  providerMessages: new DynamoProviderMessages(await makeTable()),
  close: async () => undefined,
}));
