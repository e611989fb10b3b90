import { MemoryProviderHolds } from '../../../shared/adapters/memory/provider-holds.ts';
import { defineProviderHoldsContract } from './suite.ts';

defineProviderHoldsContract('memory', async () => new MemoryProviderHolds());
