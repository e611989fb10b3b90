import { makeFileStores, makeMemoryStores } from '../sqlite-stores.ts';
import { defineKeyStoreContract } from './suite.ts';

defineKeyStoreContract('SQLite in memory', makeMemoryStores);
defineKeyStoreContract('SQLite in a file', makeFileStores);
