import type { Telemetry } from '../shared/ports/telemetry.ts';

export type LogLevel = 'debug' | 'info' | 'silent';

/** Logs as JSON lines on standard error; counters show in `/v1/usage` and in reports instead. */
export async function createTelemetry(level: LogLevel): Promise<Telemetry> {
  if (level === 'silent') return { count: () => {}, log: () => {} };
  const { pino } = await import('pino');
  const logger = pino({ level, base: null }, pino.destination({ dest: 2, sync: true }));
  return {
    count: (metric, value, dimensions) => logger.debug({ metric, value, ...dimensions }),
    log: (severity, message, fields) => logger[severity](fields ?? {}, message),
  };
}
