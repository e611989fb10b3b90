import { makeFileStores, makeMemoryStores } from '../sqlite-stores.ts';
import { defineWorkStoreLifeCycle } from './life-cycle.ts';
import { defineWorkStoreContract } from './suite.ts';

defineWorkStoreContract('SQLite in memory', makeMemoryStores);
defineWorkStoreContract('SQLite in a file', makeFileStores);
defineWorkStoreLifeCycle('SQLite in memory', makeMemoryStores);
