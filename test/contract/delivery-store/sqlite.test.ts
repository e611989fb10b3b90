import { makeFileStores, makeMemoryStores } from '../sqlite-stores.ts';
import { defineDeliveryStoreContract } from './suite.ts';

defineDeliveryStoreContract('SQLite in memory', makeMemoryStores);
defineDeliveryStoreContract('SQLite in a file', makeFileStores);
