import { Duration } from 'aws-cdk-lib';
import { type IAlarmAction, MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { Measures, PERIOD, percent } from './measures.ts';
import { RUNBOOK, ServiceAlarms } from './service-alarms.ts';
import { ServiceDashboard } from './service-dashboard.ts';
import type { WatchedParts } from './watched-parts.ts';

/** What is worth waking somebody for. */
export interface OperationsOptions {
  /**
   * What is done when an alarm goes off, or ends.
   * @default - alarms only show
   */
  readonly alarmActions?: readonly IAlarmAction[];
  /**
   * Spend in an hour above which an alarm goes off. Unit: US dollars.
   * @default - no alarm for spend
   */
  readonly hourlyCostAlarmUsd?: number;
  /**
   * How old due work may grow.
   * @default Duration.minutes(15)
   */
  readonly queueAgeAlarm?: Duration;
  /**
   * Where docs/runbook.md is read.
   * @default 'docs/runbook.md'
   */
  readonly runbookUrl?: string;
  /**
   * Whether alarms over calculated metrics are left out. MiniStack refuses them.
   * @default false
   */
  readonly isWithoutMath?: boolean;
}

export interface OperationsProps extends OperationsOptions {
  readonly service: string;
  readonly parts: WatchedParts;
}

const MICRO_USD_PER_USD = 1_000_000;

/** The alarms, and one dashboard with the same figures. */
export class Operations extends Construct {
  readonly alarms: ServiceAlarms;
  readonly dashboard: ServiceDashboard;
  readonly #parts: WatchedParts;
  readonly #measures: Measures;

  constructor(scope: Construct, id: string, props: OperationsProps) {
    super(scope, id);
    const { service, parts, alarmActions, runbookUrl, isWithoutMath } = props;
    this.#parts = parts;
    this.#measures = new Measures(service);
    this.alarms = new ServiceAlarms(this, 'Alarms', {
      service,
      actions: alarmActions,
      runbookUrl,
      isWithoutMath,
    });
    this.#watchWork(props.queueAgeAlarm ?? Duration.minutes(15));
    this.#watchClocks();
    this.#watchBatches();
    this.#watchFunctions();
    this.#watchProviders(props.hourlyCostAlarmUsd);
    this.dashboard = new ServiceDashboard(this, 'Dashboard', {
      service,
      parts,
      measures: this.#measures,
      alarms: this.alarms.alarms,
    });
  }

  #watchWork(queueAge: Duration): void {
    const { dispatcher, validator, recorder } = this.#parts;
    // The queue's own count of what was sent leaves out what SQS moved there itself.
    this.alarms.add('DeadLetters', {
      metric: recorder.fn.lambda.metricInvocations({ period: PERIOD }),
      threshold: 0,
      impact: 'Messages were given up: they cannot be read, or no dispatcher survived them.',
      runbook: RUNBOOK.deadLetters,
    });
    for (const [name, { deadLetterQueue }] of [
      ['Interactive', dispatcher.interactive],
      ['Bulk', dispatcher.bulk],
    ] as const) {
      this.alarms.add(`${name}DeadLettersNotRecorded`, {
        metric: deadLetterQueue.metricApproximateNumberOfMessagesVisible({ period: PERIOD }),
        threshold: 0,
        periods: 3,
        impact: 'What was given up is not recorded, and is lost for good after 14 days.',
        runbook: RUNBOOK.deadLettersNotRecorded,
      });
    }
    this.alarms.add('BatchDeadLetters', {
      metric: validator.batches.deadLetterQueue.metricApproximateNumberOfMessagesVisible({
        period: PERIOD,
      }),
      threshold: 0,
      impact: 'A batch may stand still: no function survived moving it on.',
      runbook: RUNBOOK.batchDeadLetters,
    });
    this.alarms.add('WorkNotMoving', {
      metric: this.#measures.max('queueAgeSeconds'),
      threshold: queueAge.toSeconds(),
      periods: 2,
      silence: 'fault',
      impact: 'Requests were accepted and nobody works on them; their deadlines pass.',
      runbook: RUNBOOK.workNotMoving,
    });
    this.alarms.add('InteractiveWait', {
      metric: dispatcher.interactive.queue.metricApproximateNumberOfMessagesVisible({
        period: Duration.minutes(1),
        statistic: 'Minimum',
      }),
      threshold: 0,
      periods: 5,
      impact: 'People wait: messages for interactive work have lain in the queue for five minutes.',
      runbook: RUNBOOK.interactiveWait,
    });
  }

  #watchClocks(): void {
    const { sweeper, poller } = this.#parts;
    this.alarms.add('SweeperSilent', {
      metric: sweeper.fn.lambda.metricInvocations({ period: PERIOD }),
      threshold: 1,
      isFloor: true,
      periods: 2,
      silence: 'fault',
      impact: 'Work whose dispatcher died stays where it is, and work that waits is not taken up.',
      runbook: RUNBOOK.sweeperSilent,
    });
    this.alarms.add('PollerSilent', {
      metric: poller.fn.lambda.metricInvocations({ period: PERIOD }),
      threshold: 1,
      isFloor: true,
      periods: 2,
      silence: 'fault',
      impact: "Answers of the providers' batch jobs are not fetched.",
      runbook: RUNBOOK.pollerSilent,
    });
  }

  #watchBatches(): void {
    this.alarms.add('BatchesStuck', {
      metric: this.#measures.max('nativeJobsStuck'),
      threshold: 0,
      periods: 2,
      impact: "Requests wait in a provider's batch that does not move; their deadlines may pass.",
      runbook: RUNBOOK.batchesStuck,
    });
    this.alarms.add('BatchesNotLookedAt', {
      metric: this.#measures.sum('nativeJobsUnseen'),
      threshold: 0,
      periods: 3,
      impact: 'Batch jobs cannot be looked at by a fault of ours: their answers do not come in.',
      runbook: RUNBOOK.batchesNotLookedAt,
    });
    this.alarms.add('BatchResultsLost', {
      metric: this.#measures.sum('nativeResultsLost'),
      threshold: 0,
      impact: 'A batch or its results are gone at the provider: requests are run, and paid, again.',
      runbook: RUNBOOK.batchResultsLost,
    });
  }

  #watchFunctions(): void {
    const { state, api, dispatcher, validator, sweeper, poller, recorder } = this.#parts;
    const functions = [
      { id: 'Api', fn: api.fn, impact: 'Callers get errors.' },
      {
        id: 'Authorizer',
        fn: api.authorizer.fn,
        impact: 'Callers are turned away with a valid key.',
      },
      {
        id: 'Dispatcher',
        fn: dispatcher.fn,
        impact: 'Requests are delayed; some may be paid twice.',
      },
      {
        id: 'Validator',
        fn: validator.fn,
        impact: 'Batches are not begun, or their end is late.',
      },
      { id: 'Sweeper', fn: sweeper.fn, impact: 'Work that does not move is not rung for again.' },
      { id: 'Poller', fn: poller.fn, impact: 'Answers of batch jobs are late.' },
      { id: 'Recorder', fn: recorder.fn, impact: 'What was given up is not recorded.' },
    ];
    for (const { id, fn, impact } of functions) {
      this.alarms.add(`${id}FunctionErrors`, {
        metric: fn.lambda.metricErrors({ period: PERIOD }),
        threshold: 0,
        periods: 2,
        impact,
        runbook: RUNBOOK.functionErrors,
      });
    }
    this.alarms.add('FunctionThrottles', {
      metric: new MathExpression({
        expression: functions.map((_, index) => `FILL(t${index}, 0)`).join(' + '),
        usingMetrics: Object.fromEntries(
          functions.map(({ fn }, index) => [
            `t${index}`,
            fn.lambda.metricThrottles({ period: PERIOD }),
          ]),
        ),
        label: 'Throttled invocations',
        period: PERIOD,
      }),
      threshold: 0,
      periods: 3,
      impact: 'The account has no functions left to run: callers get 500, work is delayed.',
      runbook: RUNBOOK.functionThrottles,
    });
    this.alarms.add('DispatcherTimeouts', {
      metric: dispatcher.fn.lambda.metricDuration({ period: PERIOD, statistic: 'Maximum' }),
      threshold: dispatcher.timeout.toMilliseconds() - 1_000,
      impact: 'Dispatchers are killed in the middle of calls; those calls are paid twice.',
      runbook: RUNBOOK.dispatcherTimeouts,
    });
    this.alarms.add('ApiErrors', {
      metric: percent(
        api.api.metricServerError({ period: PERIOD }),
        [api.api.metricCount({ period: PERIOD })],
        { label: 'Calls that failed, %', atLeast: 20 },
      ),
      threshold: 1,
      periods: 2,
      impact: 'More than one call in a hundred fails by our fault.',
      runbook: RUNBOOK.apiErrors,
    });
    this.alarms.add('TableThrottles', {
      metric: new MathExpression({
        expression: 'FILL(r, 0) + FILL(w, 0)',
        usingMetrics: {
          r: state.table.table.metric('ReadThrottleEvents', { period: PERIOD, statistic: 'Sum' }),
          w: state.table.table.metric('WriteThrottleEvents', { period: PERIOD, statistic: 'Sum' }),
        },
        label: 'Throttled reads and writes',
        period: PERIOD,
      }),
      threshold: 100,
      periods: 2,
      impact: 'DynamoDB slows everything down: calls get 503, answers are published late.',
      runbook: RUNBOOK.tableThrottles,
    });
  }

  #watchProviders(hourlyCostUsd: number | undefined): void {
    const sum = (measure: Parameters<Measures['sum']>[0]) => this.#measures.sum(measure);
    this.alarms.add('ProviderHeld', {
      metric: this.#measures.max('providerHeld'),
      threshold: 0,
      periods: 1,
      silence: 'fault',
      impact: 'A provider refuses our key, or its quota is spent: none of its requests are sent.',
      runbook: RUNBOOK.providerHeld,
    });
    this.alarms.add('ProviderThrottled', {
      metric: percent(sum('providerThrottled'), [sum('requestAdmitted')], {
        label: 'Calls refused for a rate limit, %',
        atLeast: 100,
      }),
      threshold: 5,
      periods: 3,
      impact: 'Something else uses the same limits: work is slower than it could be.',
      runbook: RUNBOOK.providerThrottled,
    });
    this.alarms.add('RequestsFailing', {
      metric: percent(sum('requestFailed'), [sum('requestFailed'), sum('requestSucceeded')], {
        label: 'Requests that failed, %',
        atLeast: 20,
      }),
      threshold: 10,
      periods: 2,
      impact: 'More than one request in ten ends in an error.',
      runbook: RUNBOOK.requestsFailing,
    });
    if (hourlyCostUsd === undefined) return;
    this.alarms.add('Spend', {
      metric: this.#measures.sum('costMicroUsd', Duration.hours(1)),
      threshold: hourlyCostUsd * MICRO_USD_PER_USD,
      impact: `More than ${hourlyCostUsd} US dollars were spent in an hour.`,
      runbook: RUNBOOK.spend,
    });
  }
}
