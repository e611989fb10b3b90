import { makeFileStores, makeMemoryStores } from '../sqlite-stores.ts';
import { defineNativeJobStoreContract } from './suite.ts';

defineNativeJobStoreContract('SQLite in memory', makeMemoryStores);
defineNativeJobStoreContract('SQLite in a file', makeFileStores);
