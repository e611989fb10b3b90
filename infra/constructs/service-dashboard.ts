import {
  type Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  MathExpression,
  SingleValueWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { type Measures, PERIOD } from './measures.ts';
import type { WatchedParts } from './watched-parts.ts';

export interface ServiceDashboardProps {
  readonly service: string;
  readonly parts: WatchedParts;
  readonly measures: Measures;
  readonly alarms: readonly Alarm[];
}

const WIDTH = 24;

/** One page: whether it works, whether it keeps up, how the limits are used, what it costs. */
export class ServiceDashboard extends Construct {
  constructor(scope: Construct, id: string, props: ServiceDashboardProps) {
    super(scope, id);
    const { service, alarms, measures } = props;
    const dashboard = new Dashboard(this, 'Dashboard', { dashboardName: service });
    dashboard.addWidgets(new AlarmStatusWidget({ alarms: [...alarms], width: WIDTH, height: 3 }));
    dashboard.addWidgets(
      new SingleValueWidget({
        title: 'Now',
        width: WIDTH,
        height: 3,
        setPeriodToTimeRange: false,
        metrics: [
          measures.filled('requestSucceeded'),
          measures.filled('requestFailed'),
          measures.filled('providerThrottled'),
          measures.max('backlogRequests'),
          measures.max('queueAgeSeconds'),
          measures.max('providerHeld'),
          dollars(measures),
        ],
      }),
    );
    dashboard.addWidgets(
      graph('Results', [measures.filled('requestSucceeded'), measures.filled('requestFailed')]),
      graph('Backlog', [measures.max('backlogRequests')], [measures.max('queueAgeSeconds')]),
      graph('Cost, US dollars', [dollars(measures)]),
    );
    dashboard.addWidgets(
      graph('Limits in use, %', [measures.byModel('limitUsed', 'Maximum')]),
      graph('Admitted', [measures.byModel('requestAdmitted', 'Sum')]),
      graph('Refused for rate limits', [measures.byModel('providerThrottled', 'Sum')]),
    );
    dashboard.addWidgets(
      graph('Batch jobs that do not move', [
        measures.max('nativeJobsStuck'),
        measures.filled('nativeJobsUnseen'),
      ]),
      graph('Batches and results lost', [measures.filled('nativeResultsLost')]),
      graph('Saved by a primed cache, US dollars', [dollars(measures, 'cacheSavedMicroUsd')]),
    );
    dashboard.addWidgets(...partsOf(props.parts));
  }
}

function partsOf({ api, dispatcher, sweeper, recorder, state }: WatchedParts): GraphWidget[] {
  const period = PERIOD;
  const { interactive, bulk } = dispatcher;
  return [
    graph(
      'API',
      [
        api.api.metricCount({ period }),
        api.api.metricClientError({ period }),
        api.api.metricServerError({ period }),
      ],
      [api.fn.lambda.metricDuration({ period, statistic: 'p95', label: 'Function p95, ms' })],
    ),
    graph('Queues', [
      interactive.queue.metricApproximateNumberOfMessagesVisible({ period, label: 'Interactive' }),
      bulk.queue.metricApproximateNumberOfMessagesVisible({ period, label: 'Bulk' }),
      recorder.fn.lambda.metricInvocations({ period, label: 'Given up' }),
    ]),
    graph(
      'Dispatchers',
      [
        dispatcher.fn.lambda.metric('ConcurrentExecutions', { period, statistic: 'Maximum' }),
        dispatcher.fn.lambda.metricErrors({ period }),
        sweeper.fn.lambda.metricErrors({ period, label: 'Sweeper errors' }),
      ],
      [state.table.table.metricConsumedWriteCapacityUnits({ period, label: 'Write units' })],
    ),
  ];
}

function dollars(
  measures: Measures,
  measure: 'costMicroUsd' | 'cacheSavedMicroUsd' = 'costMicroUsd',
): IMetric {
  return new MathExpression({
    expression: 'FILL(micro, 0) / 1000000',
    usingMetrics: { micro: measures.sum(measure) },
    label: 'US dollars',
    period: PERIOD,
  });
}

function graph(title: string, left: IMetric[], right: IMetric[] = []): GraphWidget {
  return new GraphWidget({ title, left, right, width: WIDTH / 3, height: 6, liveData: true });
}
