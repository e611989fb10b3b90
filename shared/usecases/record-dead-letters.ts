import { METRICS } from '../contracts/metric-names.ts';
import { decodeNotice } from '../contracts/queue-message.ts';
import type { DeadLetter, DeadLetterStore } from '../ports/dead-letters.ts';
import type { Telemetry } from '../ports/telemetry.ts';

export interface RecordDeadLettersDeps {
  readonly letters: DeadLetterStore;
  readonly telemetry: Telemetry;
}

/**
 * Records messages their queue gave up. A notice is only logged: its slice stands in the ledger,
 * and the sweeper rings for it as long as it does not move. Anything else is kept, to be sent
 * back by `redrive`. Returns the ids of those that could not be kept.
 */
export type RecordDeadLetters = (letters: readonly DeadLetter[]) => Promise<string[]>;

export function createRecordDeadLetters(deps: RecordDeadLettersDeps): RecordDeadLetters {
  const { telemetry } = deps;
  return async (letters) => {
    const kept = await Promise.all(letters.map(async (letter) => isRecorded(letter)));
    return letters.filter((_, index) => kept[index] !== true).map(({ id }) => id);
  };

  async function isRecorded(letter: DeadLetter): Promise<boolean> {
    const { id, body, receives, sentAtMs } = letter;
    const notice = decodeNotice(body);
    const facts = { messageId: id, bytes: Buffer.byteLength(body), receives, sentAtMs };
    telemetry.count(METRICS.deadLetter, 1);
    if (notice !== null) {
      telemetry.log('error', 'A notice was given up; the sweeper rings again', {
        ...facts,
        ...notice,
      });
      return true;
    }
    telemetry.count(METRICS.poisonMessage, 1);
    telemetry.log('error', 'A message that is no notice was given up', facts);
    try {
      await deps.letters.keep(letter);
      return true;
    } catch (error) {
      telemetry.log('error', 'It could not be kept, and stays in the queue', { ...facts, error });
      return false;
    }
  }
}
