import { Duration } from 'aws-cdk-lib';
import { type IMetric, MathExpression, Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { METRIC_NAMESPACE, METRICS } from '../../shared/contracts/metric-names.ts';

/** How often metrics are looked at. */
export const PERIOD = Duration.minutes(5);

type Measure = keyof typeof METRICS;

/** What the functions of one deployment measure, in sum over providers and models. */
export class Measures {
  readonly #service: string;

  constructor(service: string) {
    this.#service = service;
  }

  sum(measure: Measure, period = PERIOD): Metric {
    return this.#metric(measure, Stats.SUM, period);
  }

  max(measure: Measure, period = PERIOD): Metric {
    return this.#metric(measure, Stats.MAXIMUM, period);
  }

  /** The same sum, with zeros where nothing was written. */
  filled(measure: Measure, period = PERIOD): IMetric {
    const id = measure.toLowerCase();
    return new MathExpression({
      expression: `FILL(${id}, 0)`,
      usingMetrics: { [id]: this.sum(measure, period) },
      label: METRICS[measure],
      period,
    });
  }

  /** One line for each provider and model. */
  byModel(measure: Measure, stat: 'Sum' | 'Maximum' | 'Average'): IMetric {
    const { seconds } = { seconds: PERIOD.toSeconds() };
    return new MathExpression({
      expression: `SEARCH('{${METRIC_NAMESPACE},service,provider,model} service="${this.#service}" MetricName="${METRICS[measure]}"', '${stat}', ${seconds})`,
      usingMetrics: {},
      label: '',
      period: PERIOD,
    });
  }

  #metric(measure: Measure, statistic: string, period: Duration): Metric {
    return new Metric({
      namespace: METRIC_NAMESPACE,
      metricName: METRICS[measure],
      dimensionsMap: { service: this.#service },
      statistic,
      period,
    });
  }
}

/** Part in a hundred of a whole; 0 where there is no whole, or less of it than counts. */
export function percent(
  part: IMetric,
  whole: readonly IMetric[],
  { label, atLeast }: { readonly label: string; readonly atLeast: number },
): MathExpression {
  const names = whole.map((_, index) => `w${index}`);
  const total = `(${names.map((name) => `FILL(${name}, 0)`).join(' + ')})`;
  return new MathExpression({
    expression: `IF(${total} >= ${atLeast}, 100 * FILL(part, 0) / ${total}, 0)`,
    usingMetrics: {
      part,
      ...Object.fromEntries(whole.map((metric, index) => [`w${index}`, metric])),
    },
    label,
    period: PERIOD,
  });
}
