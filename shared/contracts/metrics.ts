/**
 * What is measured, by name. Constants only: functions emit them, and infrastructure draws and
 * alarms on them. Dimensions are `provider` and `model`, never a tenant or a batch: each value
 * of a dimension is paid for.
 */

export const METRIC_NAMESPACE = 'Penstock';

export const METRIC_DIMENSIONS = ['provider', 'model'] as const;
export type MetricDimension = (typeof METRIC_DIMENSIONS)[number];

export const METRICS = {
  /** Requests stored. By model. */
  requestAccepted: 'RequestAccepted',
  /** Submissions refused; none was stored. No dimension. */
  requestRefused: 'RequestRefused',
  /** Calls answered with an error. No dimension. */
  apiError: 'ApiError',
  /** Calls answered with an error that is a fault of ours (5xx). No dimension. */
  apiFault: 'ApiFault',
  /** Requests whose answer was published. By provider and model. */
  requestSucceeded: 'RequestSucceeded',
  /** Requests that ended without an answer of use. By provider and model. */
  requestFailed: 'RequestFailed',
  /** Calls to providers. By provider and model. */
  callSent: 'CallSent',
  /** Calls a provider refused with a 429. By provider and model. */
  providerThrottled: 'ProviderThrottled',
  /** Spend of published answers. Unit: micro-dollars. By provider and model. */
  costMicroUsd: 'CostMicroUsd',
  /** By provider and model. */
  inputTokens: 'InputTokens',
  /** By provider and model. */
  outputTokens: 'OutputTokens',
  /** Share of the binding limit in use. Unit: per cent. By provider and model. */
  limitUsedPercent: 'LimitUsedPercent',
  /** 1 while a provider is held until a person acts, 0 while it is not. By provider. */
  providerHeld: 'ProviderHeld',
  /** Requests accepted and not ended. By model, and in total without a dimension. */
  backlogRequests: 'BacklogRequests',
  /** Age of the oldest request that could start and has not. Unit: s. Same dimensions. */
  queueAgeSeconds: 'QueueAgeSeconds',
  /** Slices whose notice was rung again. No dimension. */
  sliceAnnouncedAgain: 'SliceAnnouncedAgain',
  /** Slices completed after a process died in the middle of them. No dimension. */
  sliceRepaired: 'SliceRepaired',
  /** Messages no version of ours can read. No dimension. */
  poisonMessage: 'PoisonMessage',
  /** Messages that reached the dead-letter queue. No dimension. */
  deadLetter: 'DeadLetter',
  /** Functions that ended in a fault. No dimension. */
  functionFault: 'FunctionFault',
} as const;
export type MetricName = (typeof METRICS)[keyof typeof METRICS];
