import { openTable } from '../../shared/adapters/aws/open-clients.ts';
import { DynamoDeadLetters } from '../../shared/adapters/dynamodb/dead-letters.ts';
import { ENV } from '../../shared/contracts/env-keys.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import { type Environment, parseEnv } from '../../shared/runtime/parse-env.ts';
import {
  createRecordDeadLetters,
  type RecordDeadLetters,
} from '../../shared/usecases/record-dead-letters.ts';
import { recordDeadLetterEnv } from './env.ts';

export function wireRecordDeadLetters(
  environment: Environment,
  telemetry: Telemetry,
): RecordDeadLetters {
  const env = parseEnv(recordDeadLetterEnv, environment);
  const letters = new DynamoDeadLetters(openTable(env[ENV.table]), env[ENV.retentionDays]);
  return createRecordDeadLetters({ letters, telemetry });
}
