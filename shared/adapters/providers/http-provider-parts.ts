import type { Clock } from '../../ports/clock.ts';
import type { Dialect } from './dialect.ts';
import type { Redactor } from './redaction.ts';
import type { ProviderTimeouts } from './settings.ts';
import type { HttpTransport } from './transport.ts';

/** What an HTTP provider is put together from. */
export interface HttpProviderParts {
  readonly name: string;
  readonly dialect: Dialect;
  readonly transport: HttpTransport;
  readonly redactor: Redactor;
  readonly timeouts: ProviderTimeouts;
  /** Names and values in turn, the same for every call. */
  readonly headers: readonly string[];
  readonly clock: Clock;
}
