import { makeFileStores, makeMemoryStores } from '../sqlite-stores.ts';
import { defineFileStoreContract } from './suite.ts';

defineFileStoreContract('SQLite in memory', makeMemoryStores);
defineFileStoreContract('SQLite in a file', makeFileStores);
