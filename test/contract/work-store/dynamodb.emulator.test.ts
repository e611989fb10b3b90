import { afterAll, beforeAll } from 'vitest';
import { type Emulator, startEmulator } from '../../support/emulator.ts';
import { dynamoStores, dynamoStoresInSlices } from '../dynamodb-stores.ts';
import { defineWorkStoreLifeCycle } from './life-cycle.ts';
import { defineWorkStoreContract } from './suite.ts';

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.stop());

const endpoint = () => emulator.endpoint;
const alone = dynamoStores(endpoint);
const inSlices = dynamoStoresInSlices(endpoint);

defineWorkStoreContract('DynamoDB, slices of one', alone);
defineWorkStoreContract('DynamoDB, shared slices', inSlices);
defineWorkStoreLifeCycle('DynamoDB, slices of one', alone);
defineWorkStoreLifeCycle('DynamoDB, shared slices', inSlices);
