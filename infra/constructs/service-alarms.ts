import {
  Alarm,
  ComparisonOperator,
  type IAlarmAction,
  type IMetric,
  MathExpression,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';

/** Sections of docs/runbook.md; a test finds each of them there. */
export const RUNBOOK = {
  deadLetters: 'dead-letters',
  deadLettersNotRecorded: 'dead-letters-not-recorded',
  batchDeadLetters: 'batch-dead-letters',
  workNotMoving: 'work-not-moving',
  interactiveWait: 'interactive-wait',
  sweeperSilent: 'sweeper-silent',
  pollerSilent: 'poller-silent',
  batchesStuck: 'batches-stuck',
  batchesNotLookedAt: 'batches-not-looked-at',
  batchResultsLost: 'batch-results-lost',
  functionErrors: 'function-errors',
  functionThrottles: 'function-throttles',
  dispatcherTimeouts: 'dispatcher-timeouts',
  apiErrors: 'api-errors',
  tableThrottles: 'table-throttles',
  providerHeld: 'provider-held',
  providerThrottled: 'provider-throttled',
  requestsFailing: 'requests-failing',
  spend: 'spend',
} as const;

export interface ServiceAlarmsProps {
  /** Names the deployment in the alarms' names. */
  readonly service: string;
  /**
   * What is done when an alarm goes off, or ends.
   * @default - the alarm only shows
   */
  readonly actions?: readonly IAlarmAction[];
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

export interface ServiceAlarmProps {
  readonly metric: IMetric;
  /** Who is hurt, and how: the first line of what a person reads at night. */
  readonly impact: string;
  /** The section that says what to look at, and how to mend it. */
  readonly runbook: (typeof RUNBOOK)[keyof typeof RUNBOOK];
  /** Goes off above it, or below it with `isFloor`. */
  readonly threshold: number;
  /** @default false */
  readonly isFloor?: boolean;
  /**
   * Periods in a row.
   * @default 1
   */
  readonly periods?: number;
  /**
   * What silence means. `fault` where whatever measures may be what is broken.
   * @default 'fine'
   */
  readonly silence?: 'fine' | 'fault';
}

/** Alarms that none can join without saying who is hurt and what to do. */
export class ServiceAlarms extends Construct {
  readonly alarms: Alarm[] = [];
  readonly #props: ServiceAlarmsProps;

  constructor(scope: Construct, id: string, props: ServiceAlarmsProps) {
    super(scope, id);
    this.#props = props;
  }

  /** Adds an alarm; its id is part of its name. */
  add(id: string, props: ServiceAlarmProps): void {
    const { service, actions = [], runbookUrl = 'docs/runbook.md', isWithoutMath } = this.#props;
    if (isWithoutMath && props.metric instanceof MathExpression) return;
    const alarm = new Alarm(this, id, {
      alarmName: `${service}-${id}`,
      alarmDescription: `${props.impact}\nWhat to do: ${runbookUrl}#${props.runbook}`,
      metric: props.metric,
      threshold: props.threshold,
      comparisonOperator: props.isFloor
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: props.periods ?? 1,
      treatMissingData:
        props.silence === 'fault' ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    });
    for (const action of actions) {
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
    }
    this.alarms.push(alarm);
  }
}
