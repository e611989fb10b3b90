import { makeFileStores, makeMemoryStores } from '../sqlite-stores.ts';
import { defineProviderMessagesContract } from './suite.ts';

defineProviderMessagesContract('SQLite in memory', makeMemoryStores);
defineProviderMessagesContract('SQLite in a file', makeFileStores);
