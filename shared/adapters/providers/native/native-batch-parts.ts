import type { Clock } from '../../../ports/clock.ts';
import type { CheckedSettings } from '../create-provider.ts';
import type { StreamTransport } from '../stream-transport.ts';
import type { HttpTransport } from '../transport.ts';
import type { NativeDialect } from './native-dialect.ts';

/** What a batch provider is put together from. */
export interface NativeBatchParts extends CheckedSettings {
  readonly name: string;
  readonly native: NativeDialect;
  readonly transport: HttpTransport;
  readonly streams: StreamTransport;
  readonly clock: Clock;
}
