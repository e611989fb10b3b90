/**
 * Names of what the functions measure and the dashboard and alarms read. Constants only:
 * infrastructure and bundles both import this file.
 *
 * Each metric is written under the dimension `service` alone, which is what alarms read, and may
 * be written again under `service` with `provider` and `model`; never with a tenant or a batch.
 */
export const METRIC_NAMESPACE = 'Penstock';

/** Dimensions beside `service`; others that a measurement names are left out. */
export const METRIC_DIMENSIONS = ['provider', 'model'] as const;

export const METRICS = {
  /** Requests let through by the token buckets: calls that went out. */
  requestAdmitted: 'RequestAdmitted',
  /** Calls the provider refused for its rate limit. */
  providerThrottled: 'ProviderThrottled',
  /** Share of a provider's limit in use. Unit: percent. */
  limitUsed: 'LimitUsed',
  requestSucceeded: 'RequestSucceeded',
  requestFailed: 'RequestFailed',
  /** Unit: millionths of a US dollar. */
  costMicroUsd: 'CostMicroUsd',
  /** All of the prompts, however billed. */
  inputTokens: 'InputTokens',
  outputTokens: 'OutputTokens',
  /** How long the oldest due request has waited; 0 when none waits. Unit: seconds. */
  queueAgeSeconds: 'QueueAgeSeconds',
  /** Requests accepted and not ended; 0 when there are none. */
  backlogRequests: 'BacklogRequests',
  /** Providers whose requests are held until a person acts; 0 when none is. */
  providerHeld: 'ProviderHeld',
  /** Slices whose notice was lost, and which were rung for again. */
  sliceAnnouncedAgain: 'SliceAnnouncedAgain',
  /** Slices completed after a process died in the middle of them. */
  sliceRepaired: 'SliceRepaired',
  /** API calls answered with an error, whoever's fault. */
  apiError: 'ApiError',
  /** API calls that failed by a fault of ours. */
  apiFault: 'ApiFault',
  /** Messages that no reader of ours understands. */
  poisonMessage: 'PoisonMessage',
  /** Messages given up by their queue. */
  deadLetter: 'DeadLetter',
  /** Batch jobs that do not move: not ended long after their window, or held up; 0 when none is. */
  nativeJobsStuck: 'NativeJobsStuck',
  /** Looks at batch jobs that failed by a fault of ours; 0 when none did. */
  nativeJobsUnseen: 'NativeJobsUnseen',
  /** Batches, and files of results, that were gone: their rows are run again. */
  nativeResultsLost: 'NativeResultsLost',
  /** By priming the cache of batches; negative where it did not pay. Unit: millionths of a US dollar. */
  cacheSavedMicroUsd: 'CacheSavedMicroUsd',
  /** Webhooks that their receiver took. */
  webhookDelivered: 'WebhookDelivered',
  /** Tries of webhooks that their receiver did not take. */
  webhookFailed: 'WebhookFailed',
} as const;
