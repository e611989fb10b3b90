/** Measurements and logs. Never receives a prompt, an answer or a secret. */
export interface Telemetry {
  /** Adds to a counter, e.g. `RequestAnswered`. */
  count(metric: string, value: number, dimensions?: Readonly<Record<string, string>>): void;
  log(
    level: 'debug' | 'info' | 'warn' | 'error',
    message: string,
    fields?: Readonly<Record<string, unknown>>,
  ): void;
}
