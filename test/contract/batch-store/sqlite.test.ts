import { makeFileStores, makeMemoryStores } from '../sqlite-stores.ts';
import { defineBatchStoreContract } from './suite.ts';

defineBatchStoreContract('SQLite in memory', makeMemoryStores);
defineBatchStoreContract('SQLite in a file', makeFileStores);
