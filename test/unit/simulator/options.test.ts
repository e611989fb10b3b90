import { expect, test } from 'vitest';
import {
  checkOptions,
  InvalidOptionsError,
  mergeOptions,
  resolveOptions,
} from '../../../simulator/options.ts';

test('every fault of the options is named at once, with its path', () => {
  const wrong = {
    prot: 1,
    limits: { requestsPerMinute: -1 },
    latency: { p50Ms: 10 },
    faults: 'boom:1',
    requestKey: { pattern: 'no group' },
  };
  expect(() => checkOptions(wrong)).toThrow(InvalidOptionsError);
  const message = (() => {
    try {
      checkOptions(wrong);
      return '';
    } catch (error) {
      return String(error);
    }
  })();
  expect(message).toMatch(/limits\.requestsPerMinute: /);
  expect(message).toMatch(/latency: must be \{p50Ms, p95Ms\}/);
  expect(message).toMatch(/faults.*: .*unknown kind "boom"/);
  expect(message).toMatch(
    /requestKey\.pattern: must be a regular expression with one capture group/,
  );
  expect(message).toMatch(/prot/);
});

test('a model lays its own limits over the common ones', () => {
  const settings = resolveOptions(
    checkOptions({
      limits: { requestsPerMinute: 600, tokensPerMinute: 6_000, charge: 'sum' },
      models: { small: {}, big: { limits: { tokensPerMinute: 60, requestsPerMinute: null } } },
    }),
  );
  expect(settings.models?.get('small')?.limits.buckets.totalTokens?.limit).toBe(6_000);
  const big = settings.models?.get('big');
  expect(big?.limits.buckets.totalTokens?.limit).toBe(60);
  expect(big?.limits.buckets.requests).toBeUndefined();
  expect(big?.charge).toBe('sum');
});

test('a patch changes what it names and leaves the rest of its group', () => {
  const merged = mergeOptions(
    { seed: 5, limits: { requestsPerMinute: 10, tokensPerMinute: 20 }, models: { one: {} } },
    { limits: { tokensPerMinute: 30 }, models: { one: { limits: { concurrency: 2 } }, two: {} } },
  );
  expect(merged).toEqual({
    seed: 5,
    limits: { requestsPerMinute: 10, tokensPerMinute: 30 },
    models: { one: { limits: { concurrency: 2 } }, two: { limits: {} } },
  });
});

test('what is wrong with the options of batches is named, with its path', () => {
  const message = (batches: object) => {
    try {
      checkOptions({ batches });
      return '';
    } catch (error) {
      return String(error);
    }
  };
  expect(message({ script: ['compleet'] })).toMatch(
    /batches\.script\.0: must be null, one of completed/,
  );
  expect(message({ rowFailures: { lost: 0.6, absent: 0.6 } })).toMatch(
    /batches\.rowFailures: .*exceed 1/,
  );
  expect(message({ faults: 'boom' })).toMatch(/batches\.faults: .*unknown kind "boom"/);
  expect(message({ windows: ['soon'] })).toMatch(/batches\.windows\.0: must be hours or days/);
  expect(message({ webhooks: { url: 'http://10.0.0.1/', secret: 's' } })).toMatch(
    /batches\.webhooks\.url: must be a loopback address/,
  );
  expect(message({ lagg: {} })).toMatch(/lagg/);
});

test('a patch of batches lays over the batches there are', () => {
  const merged = mergeOptions(
    { batches: { validationMs: 5, lag: { readMs: 1 } } },
    { batches: { lag: { listMs: 2 } } },
  );
  expect(merged.batches).toEqual({ validationMs: 5, lag: { listMs: 2 } });
});
