import { afterAll, beforeAll } from 'vitest';
import { type Emulator, startEmulator } from '../../support/emulator.ts';
import { dynamoStores, dynamoStoresInSlices } from '../dynamodb-stores.ts';
import { defineRequestListContract } from './list-suite.ts';
import { defineRequestStoreContract } from './suite.ts';
import { defineUsageContract } from './usage-suite.ts';

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.stop());

const endpoint = () => emulator.endpoint;
const alone = dynamoStores(endpoint);
const inSlices = dynamoStoresInSlices(endpoint);

defineRequestStoreContract('DynamoDB, slices of one', alone);
defineRequestStoreContract('DynamoDB, shared slices', inSlices);
defineRequestListContract('DynamoDB, slices of one', alone);
defineRequestListContract('DynamoDB, shared slices', inSlices);
defineUsageContract('DynamoDB, slices of one', alone);
