import type { BatchDispatcher } from './batch-dispatcher.ts';
import type { BatchValidator } from './batch-validator.ts';
import type { DeadLetterRecorder } from './dead-letter-recorder.ts';
import type { NativeBatchPoller } from './native-batch-poller.ts';
import type { RequestApi } from './request-api.ts';
import type { State } from './state.ts';
import type { Sweeper } from './sweeper.ts';

/** The parts that are watched. */
export interface WatchedParts {
  readonly state: State;
  readonly api: RequestApi;
  readonly dispatcher: BatchDispatcher;
  readonly validator: BatchValidator;
  readonly sweeper: Sweeper;
  readonly poller: NativeBatchPoller;
  readonly recorder: DeadLetterRecorder;
}
