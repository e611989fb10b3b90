import { expect, it } from 'vitest';
import * as z from 'zod';
import { parseEnv, setNumber, setText } from '../../../shared/runtime/parse-env.ts';

const schema = z.object({ TABLE: setText, BUCKET: setText, DAYS: setNumber });

it('reads what is set', () => {
  const environment = { TABLE: 't', BUCKET: 'b', DAYS: '30', OTHER: 'x' };
  expect(parseEnv(schema, environment)).toEqual({ TABLE: 't', BUCKET: 'b', DAYS: 30 });
});

it('names every variable that is missing or wrong, at once', () => {
  expect(() => parseEnv(schema, { BUCKET: '', DAYS: '1.5' })).toThrow(
    'The environment has 3 faults: TABLE is not set; BUCKET is empty; DAYS must be a whole number above 0.',
  );
});
