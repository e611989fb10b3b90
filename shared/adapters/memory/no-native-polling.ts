import type { NativePolling } from '../../ports/provider-webhooks.ts';

/** A home without batch jobs: no provider's batch is one of ours. */
export const NO_NATIVE_POLLING: NativePolling = { pollSoon: async () => false };
