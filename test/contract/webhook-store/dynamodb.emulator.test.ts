import { DynamoWebhookStore } from '../../../shared/adapters/dynamodb/webhook-store.ts';
import { makeTable } from '../../support/aws-stores.ts';
import { defineWebhookStoreContract } from './suite.ts';

defineWebhookStoreContract('DynamoDB', async () => ({
  webhooks: new DynamoWebhookStore(await makeTable()),
  close: async () => undefined,
}));
