import { isAbsolute, resolve } from 'node:path';
import * as z from 'zod';
import { didYouMean } from '../shared/contracts/closest-name.ts';
import { DeploymentFault } from './deployment-fault.ts';

/** Text, as `-c` gives it, or the value itself, as cdk.json does. */
const whole = (min: number, max: number) => z.coerce.number().pipe(z.int().min(min).max(max));
const flag = z.union([z.boolean(), z.stringbool()]);

/** Retentions that CloudWatch Logs knows. Unit: days. */
const LOG_RETENTIONS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653];

/** Largest batch that a source hands over without a window, by AWS's rule. */
const MOST_WITHOUT_WINDOW = 10;

const tags = z
  .string()
  .regex(/^([^=,]+=[^=,]*)(,[^=,]+=[^=,]*)*$/, { error: 'must read name=value,name=value' })
  .transform((text) =>
    Object.fromEntries(
      text.split(',').map((pair) => pair.split('=', 2).map((part) => part.trim())),
    ),
  )
  .pipe(z.record(z.string().min(1).max(128), z.string().max(256)));

const shape = {
  /** Names the deployment: its stacks, its URL, its tag. */
  stage: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,15}$/, { error: 'must be 1 to 16 of a-z, 0-9 and -, a letter first' })
    .default('dev'),
  /** File with providers and models, as `penstock run` reads it. */
  config: z.string().min(1).default('penstock.yaml'),
  /** More cost tags, as `name=value,name=value`. */
  tags: tags.default({}),
  /** Whether data outlives its stack and refuses to be deleted. */
  retain: flag.default(true),
  /** Days until requests, results and uploads are deleted. */
  retentionDays: whole(1, 3_650).default(30),
  logRetentionDays: whole(1, 3_653)
    .refine((days) => LOG_RETENTIONS.includes(days), {
      error: `must be one of ${LOG_RETENTIONS.join(', ')}`,
    })
    .default(30),
  /** Most messages that one call of the dispatcher takes from the bulk queue. */
  bulkBatchSize: whole(1, 10_000).default(100),
  /** How long they are gathered. Unit: seconds. */
  bulkWindowSeconds: whole(0, 300).default(5),
  /** Most dispatchers at once on the bulk queue. */
  bulkConcurrency: whole(2, 1_000).default(8),
  /** Most dispatchers at once on the interactive queue. */
  interactiveConcurrency: whole(2, 1_000).default(8),
  /** How long one dispatcher works. Unit: seconds. */
  dispatchTimeoutSeconds: whole(30, 900).default(300),
  /** How often a message is handed out before it is given up. */
  maxReceives: whole(1, 1_000).default(5),
  dispatchMemoryMb: whole(512, 10_240).default(1_769),
  /** Calls a second that the API takes, all tenants together, and most at once. */
  throttleRate: whole(1, 10_000).default(200),
  throttleBurst: whole(1, 5_000).default(400),
  /** SNS topic that alarms are sent to; none: they only show. */
  alarmTopicArn: z.string().startsWith('arn:').optional(),
  /** Spend in an hour that raises an alarm; none: no alarm. Unit: US dollars. */
  hourlyCostAlarmUsd: z.coerce.number().positive().optional(),
  /** How old due work may grow before an alarm. Unit: seconds. */
  queueAgeAlarmSeconds: whole(60, 604_800).default(900),
  /** Whether the stack sets the account's role for logs of API Gateway; one stack a region suffices. */
  apiGatewayLogRole: flag.default(true),
  /**
   * Whether it is deployed to MiniStack or LocalStack. Leaves out what those cannot do, which are
   * alarms over calculated metrics, and prints the URL they serve the API at; nothing else.
   */
  emulator: flag.default(false),
};

const schema = z.object(shape).superRefine((settings, context) => {
  if (settings.bulkBatchSize > MOST_WITHOUT_WINDOW && settings.bulkWindowSeconds === 0) {
    context.addIssue({
      code: 'custom',
      path: ['bulkWindowSeconds'],
      message: `must be at least 1 for a bulkBatchSize above ${MOST_WITHOUT_WINDOW}`,
    });
  }
});

/** What a deployment is made of. docs/deployment.md lists the settings for people. */
export type Settings = z.infer<typeof schema>;

/** The context that CDK and its plugins use themselves is named `@scope/...` or `aws:...`. */
const isOurs = (name: string): boolean => !/[@:/]/.test(name) && name !== 'availability-zones';

/**
 * Reads the settings from CDK context (`-c name=value`). A relative `config` is looked for below
 * `folder`.
 *
 * @throws {DeploymentFault} naming every fault, also a name that is no setting.
 */
export function readSettings(context: Readonly<Record<string, unknown>>, folder: string): Settings {
  const given = Object.fromEntries(Object.entries(context).filter(([name]) => isOurs(name)));
  const names = Object.keys(shape);
  const unknown = Object.keys(given)
    .filter((name) => !names.includes(name))
    .map((name) => `  ${name} is not a setting.${didYouMean(name, names)}`);
  const parsed = schema.safeParse(given);
  const wrong = (parsed.error?.issues ?? []).map(
    ({ path, message }) => `  ${path.join('.')} ${message}`,
  );
  const faults = [...unknown, ...wrong];
  if (faults.length > 0 || !parsed.success) {
    throw new DeploymentFault(
      `The settings (-c name=value, or context in cdk.json) are wrong:\n${faults.join('\n')}`,
    );
  }
  const { config } = parsed.data;
  return { ...parsed.data, config: isAbsolute(config) ? config : resolve(folder, config) };
}
