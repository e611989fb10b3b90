import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isYetToAppear,
  type NativeBatchFault,
  nativeRowId,
  readNativeRowId,
} from '../../../../shared/domain/native/native-batch.ts';
import { remedyFor } from '../../../../shared/domain/native/native-batch-remedy.ts';

describe('row ids', () => {
  it('lead back to their job and place, and are safe for every provider', () => {
    const nonce = fc.stringMatching(/^[a-zA-Z0-9-]{1,48}$/);
    fc.assert(
      fc.property(nonce, fc.nat({ max: 999_999_999 }), (jobNonce, row) => {
        const rowId = nativeRowId(jobNonce, row);
        expect(rowId).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
        expect(readNativeRowId(rowId)).toEqual({ jobNonce, row });
      }),
    );
  });

  it.each(['', 'request-1', '_1', 'job_', 'job_1x', 'job_1_2', 'job_-1', 'a b_1'])(
    'are not taken from others: %j',
    (rowId) => {
      expect(readNativeRowId(rowId)).toBeNull();
    },
  );
});

it('a batch that is not found may appear for five minutes', () => {
  expect(isYetToAppear(1_000, 300_999)).toBe(true);
  expect(isYetToAppear(1_000, 301_000)).toBe(false);
});

describe('the remedy for a batch refused as a whole', () => {
  const fault = (code: string, line: number | null = null, message = ''): NativeBatchFault => ({
    code,
    message,
    line,
  });
  const remedy = (...faults: NativeBatchFault[]) => remedyFor(faults, 10);

  it('is to wait when the queue is full, however it is said', () => {
    for (const full of [
      fault('token_limit_exceeded'),
      fault('token_limit_exceeded', 7),
      fault(
        '',
        null,
        'Enqueued token limit reached for gpt-4o in organization org-1. Limit: 90,000',
      ),
    ]) {
      expect(remedy(fault('invalid_json_line', 3), full)).toEqual({
        kind: 'wait',
        fault: full,
        isAttempt: false,
      });
    }
  });

  it('is to send anew what was damaged on the way, or failed without a word', () => {
    const damaged = fault('input_modified');
    expect(remedy(damaged)).toEqual({ kind: 'wait', fault: damaged, isAttempt: true });
    expect(remedy()).toEqual({ kind: 'wait', fault: null, isAttempt: true });
  });

  it('is to drop the lines that are named, each once and in order', () => {
    const first = fault('invalid_json_line', 2);
    const second = fault('duplicate_custom_id', 9);
    expect(remedy(second, first, fault('invalid_request', 9))).toEqual({
      kind: 'drop_lines',
      faults: [first, second],
    });
  });

  it('is to halve it when it is too much, or nobody says which row is wrong', () => {
    for (const whole of [
      fault('too_many_tasks', 50_001),
      fault('strange'),
      fault('url_mismatch', 0),
      fault('invalid_request', 11),
    ]) {
      expect(remedy(whole)).toEqual({ kind: 'bisect', fault: whole });
    }
  });

  it('is none when every row would meet the same', () => {
    const none = fault('model_not_found', 1);
    expect(remedy(fault('invalid_json_line', 3), none)).toEqual({ kind: 'give_up', fault: none });
  });
});
