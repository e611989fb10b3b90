import { makeFileStores, makeMemoryStores } from '../sqlite-stores.ts';
import { defineCallStoreContract } from './suite.ts';

defineCallStoreContract('SQLite in memory', makeMemoryStores);
defineCallStoreContract('SQLite in a file', makeFileStores);
