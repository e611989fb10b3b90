import { makeFileStores, makeMemoryStores } from '../sqlite-stores.ts';
import { defineRequestListContract } from './list-suite.ts';
import { defineRequestStoreContract } from './suite.ts';
import { defineUsageContract } from './usage-suite.ts';

defineRequestStoreContract('SQLite in memory', makeMemoryStores);
defineRequestStoreContract('SQLite in a file', makeFileStores);
defineRequestListContract('SQLite in memory', makeMemoryStores);
defineUsageContract('SQLite in memory', makeMemoryStores);
