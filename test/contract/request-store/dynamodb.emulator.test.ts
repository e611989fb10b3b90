import { dynamoStores, dynamoStoresInSlices } from '../dynamodb-stores.ts';
import { defineRequestListContract } from './list-suite.ts';
import { defineRequestStoreContract } from './suite.ts';
import { defineUsageContract } from './usage-suite.ts';

const alone = dynamoStores();
const inSlices = dynamoStoresInSlices();

defineRequestStoreContract('DynamoDB, slices of one', alone);
defineRequestStoreContract('DynamoDB, shared slices', inSlices);
defineRequestListContract('DynamoDB, slices of one', alone);
defineRequestListContract('DynamoDB, shared slices', inSlices);
defineUsageContract('DynamoDB, slices of one', alone);
