import { dynamoStores, dynamoStoresInSlices } from '../dynamodb-stores.ts';
import { defineWorkStoreLifeCycle } from './life-cycle.ts';
import { defineWorkStoreContract } from './suite.ts';

const alone = dynamoStores();
const inSlices = dynamoStoresInSlices();

defineWorkStoreContract('DynamoDB, slices of one', alone);
defineWorkStoreContract('DynamoDB, shared slices', inSlices);
/** Each command is a call or more over HTTP. */
const RUNS = 60;
defineWorkStoreLifeCycle('DynamoDB, slices of one', alone, RUNS);
defineWorkStoreLifeCycle('DynamoDB, shared slices', inSlices, RUNS);
