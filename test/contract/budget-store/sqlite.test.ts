import { makeFileStores, makeMemoryStores } from '../sqlite-stores.ts';
import { defineSettlementContract } from './settlement-suite.ts';
import { defineBudgetStoreContract } from './suite.ts';

defineBudgetStoreContract('SQLite in memory', makeMemoryStores);
defineBudgetStoreContract('SQLite in a file', makeFileStores);
defineSettlementContract('SQLite in memory', makeMemoryStores);
