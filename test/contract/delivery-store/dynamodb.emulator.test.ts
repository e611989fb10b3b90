import { DynamoDeliveryStore } from '../../../shared/adapters/dynamodb/delivery-store.ts';
import { makeTable, RETENTION_DAYS } from '../../support/aws-stores.ts';
import { defineDeliveryStoreContract } from './suite.ts';

defineDeliveryStoreContract('DynamoDB', async () => ({
  deliveries: new DynamoDeliveryStore(await makeTable(), RETENTION_DAYS),
  close: async () => undefined,
}));
