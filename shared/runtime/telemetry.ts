/** Logs and metrics of functions: JSON lines, and metrics in CloudWatch's embedded format. */

import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Context } from 'aws-lambda';
import { METRIC_DIMENSIONS, METRIC_NAMESPACE } from '../contracts/metric-names.ts';
import type { Telemetry } from '../ports/telemetry.ts';

/** Telemetry of one function. What is counted is written when its invocation ends. */
export interface FunctionTelemetry extends Telemetry {
  /** Names the invocation in all that is logged from here on. */
  begin(context: Context): void;
  /** Writes what was counted since the last time. */
  flush(): void;
}

type Dimensions = Readonly<Record<string, string>>;

/** Sums under one set of dimensions. */
interface Group {
  readonly dimensions: Dimensions;
  readonly sums: Map<string, number>;
}

/** EMF takes no more in one line. */
const MOST_METRICS = 100;

/**
 * Every metric is written in total, which is what alarms read, and once more by provider and
 * model where it names them. Other dimensions are left out: each value of one is paid for.
 */
export function createFunctionTelemetry(): FunctionTelemetry {
  const logger = new Logger();
  const metrics = new Metrics({ namespace: METRIC_NAMESPACE });
  let groups = new Map<string, Group>();

  function add(metric: string, value: number, dimensions: Dimensions): void {
    const key = JSON.stringify(dimensions);
    const group = groups.get(key) ?? { dimensions, sums: new Map<string, number>() };
    groups.set(key, group);
    group.sums.set(metric, (group.sums.get(metric) ?? 0) + value);
  }

  return {
    count(metric, value, dimensions = {}) {
      add(metric, value, {});
      const known = METRIC_DIMENSIONS.flatMap((name) => {
        const of = dimensions[name];
        return of === undefined || of === '' ? [] : [[name, of] as const];
      });
      if (known.length > 0) add(metric, value, Object.fromEntries(known));
    },
    log(level, message, fields = {}) {
      logger[level](message, { ...fields });
    },
    begin(context) {
      logger.resetKeys();
      logger.addContext(context);
    },
    flush() {
      const written = groups;
      groups = new Map();
      for (const { dimensions, sums } of written.values()) {
        const entries = [...sums];
        for (let start = 0; start < entries.length; start += MOST_METRICS) {
          for (const [name, value] of Object.entries(dimensions)) metrics.addDimension(name, value);
          for (const [name, sum] of entries.slice(start, start + MOST_METRICS)) {
            metrics.addMetric(name, MetricUnit.NoUnit, sum);
          }
          metrics.publishStoredMetrics();
        }
      }
    },
  };
}
