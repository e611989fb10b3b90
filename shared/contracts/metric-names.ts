/**
 * Names of what the functions measure and the dashboard and alarms read. Constants only:
 * infrastructure and bundles both import this file.
 *
 * Each metric is written under the dimension `service` alone, which is what alarms read, and may
 * be written again under `service` with `provider` and `model`; never with a tenant or a batch.
 */
export const METRIC_NAMESPACE = 'Penstock';

export const METRICS = {
  /** Requests let through by the token buckets. */
  requestAdmitted: 'RequestAdmitted',
  /** Calls the provider refused for its rate limit. */
  providerThrottled: 'ProviderThrottled',
  /** Share of a provider's limit in use. Unit: percent. */
  limitUsed: 'LimitUsed',
  requestSucceeded: 'RequestSucceeded',
  requestFailed: 'RequestFailed',
  /** Unit: millionths of a US dollar. */
  costMicroUsd: 'CostMicroUsd',
  /** How long the oldest due request has waited; 0 when none waits. Unit: seconds. */
  queueAgeSeconds: 'QueueAgeSeconds',
  /** Requests accepted and not ended; 0 when there are none. */
  backlogRequests: 'BacklogRequests',
  /** Providers whose requests are held until a person acts; 0 when none is. */
  providerHeld: 'ProviderHeld',
} as const;
