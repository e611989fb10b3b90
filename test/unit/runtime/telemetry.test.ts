import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFunctionTelemetry } from '../../../shared/runtime/telemetry.ts';
import { lambdaContext } from '../../support/lambda-events.ts';

interface Emf {
  readonly _aws: {
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string }[];
    }[];
  };
  readonly [name: string]: unknown;
}

/** What Powertools wrote, line by line: it writes through a console of its own. */
const written: string[] = [];

beforeEach(() => {
  written.length = 0;
  vi.stubEnv('POWERTOOLS_SERVICE_NAME', 'penstock-test');
  vi.stubEnv('POWERTOOLS_DEV', 'true');
  vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'false');
  for (const level of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    vi.spyOn(console, level).mockImplementation((line: string) => written.push(line));
  }
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const lines = (): Emf[] => written.map((line) => JSON.parse(line));
const emf = (): Emf[] => lines().filter((line) => '_aws' in line);

describe('metrics', () => {
  it('are summed, in total and by provider and model, and nothing else', () => {
    const telemetry = createFunctionTelemetry();
    telemetry.count('RequestSucceeded', 2, { provider: 'p', model: 'm', tenant: 'secret' });
    telemetry.count('RequestSucceeded', 3, { provider: 'p', model: 'm' });
    telemetry.count('RequestSucceeded', 1, { provider: 'p', model: 'other' });
    expect(written).toEqual([]);
    telemetry.flush();
    const told = emf().map((line) => [
      line._aws.CloudWatchMetrics[0]?.Dimensions,
      line['model'],
      line['RequestSucceeded'],
    ]);
    expect(told).toEqual([
      [[['service']], undefined, 6],
      [[['service', 'provider', 'model']], 'm', 5],
      [[['service', 'provider', 'model']], 'other', 1],
    ]);
    expect(emf()[0]?.['service']).toBe('penstock-test');
    expect(emf()[0]?._aws.CloudWatchMetrics[0]?.Namespace).toBe('Penstock');
    expect(written.join()).not.toContain('secret');
  });

  it('tell a zero, and tell each sum once', () => {
    const telemetry = createFunctionTelemetry();
    telemetry.count('ProviderHeld', 0);
    telemetry.flush();
    telemetry.flush();
    expect(emf().map((line) => line['ProviderHeld'])).toEqual([0]);
  });

  it('of more kinds than one line takes are all told', () => {
    const telemetry = createFunctionTelemetry();
    for (let index = 0; index < 230; index += 1) telemetry.count(`Metric${index}`, 1);
    telemetry.flush();
    const names = emf().flatMap((line) => line._aws.CloudWatchMetrics[0]?.Metrics ?? []);
    expect(new Set(names.map(({ Name }) => Name)).size).toBe(230);
  });
});

describe('logs', () => {
  it('name the invocation and the service', () => {
    const telemetry = createFunctionTelemetry();
    telemetry.begin(lambdaContext());
    telemetry.log('warn', 'Something', { messageId: 'm1' });
    expect(lines()[0]).toMatchObject({
      level: 'WARN',
      message: 'Something',
      messageId: 'm1',
      service: 'penstock-test',
      function_request_id: 'invocation-1',
    });
  });
});
