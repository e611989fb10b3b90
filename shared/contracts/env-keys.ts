/**
 * Names of the environment variables through which the stacks tell their functions where things
 * are. Constants only: infrastructure and bundles both import this file.
 */
export const ENV = {
  /** DynamoDB table of requests, capacity and keys. */
  table: 'PENSTOCK_TABLE',
  /** S3 bucket of bodies, results and uploads. */
  bucket: 'PENSTOCK_BUCKET',
  /** URL of the queue for work somebody waits for. */
  interactiveQueueUrl: 'PENSTOCK_INTERACTIVE_QUEUE_URL',
  /** URL of the queue for everything else. */
  bulkQueueUrl: 'PENSTOCK_BULK_QUEUE_URL',
  /** URL of the queue that wakes whoever moves batches on. */
  batchQueueUrl: 'PENSTOCK_BATCH_QUEUE_URL',
  /** SSM parameter that holds penstock.yaml. */
  configParameter: 'PENSTOCK_CONFIG_PARAMETER',
  /** Secrets Manager secret with the key of the first administrator. */
  adminKeySecret: 'PENSTOCK_ADMIN_KEY_SECRET',
  /** Secrets Manager secret that keys are digested with. */
  pepperSecret: 'PENSTOCK_PEPPER_SECRET',
  /** Days after which requests and results are deleted. */
  retentionDays: 'PENSTOCK_RETENTION_DAYS',
  /** URL of the dead-letter queue, for redriving. */
  deadLetterQueueUrl: 'PENSTOCK_DEAD_LETTER_QUEUE_URL',
} as const;

/** What events on EventBridge say they come from, and all that functions may put there. */
export const EVENT_SOURCE = 'penstock';
