import { makeFileStores, makeMemoryStores } from '../sqlite-stores.ts';
import { defineWebhookStoreContract } from './suite.ts';

defineWebhookStoreContract('SQLite in memory', makeMemoryStores);
defineWebhookStoreContract('SQLite in a file', makeFileStores);
