import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { sampleJson } from '../../../simulator/json-sample.ts';

const source = (base: number, ids: string[] = []) => ({ base, ids });

const ticket = z.object({
  id: z.string(),
  mood: z.enum(['good', 'bad']),
  score: z.number().min(0).max(1),
  count: z.int().min(3).max(9),
  even: z.int().multipleOf(2),
  urgent: z.boolean(),
  note: z.string().min(4).max(6),
  when: z.iso.datetime().nullable(),
  tags: z.array(z.string()).min(1).max(3),
  nested: z.object({ kind: z.literal('leaf') }),
});

test('a sample satisfies the schema it was made for, whatever the seed', () => {
  const schema = z.toJSONSchema(ticket);
  fc.assert(
    fc.property(fc.nat(), (base) => {
      expect(ticket.safeParse(sampleJson(schema, source(base))).error).toBeUndefined();
    }),
  );
});

test('arrays of things with an id hold one for each id of the prompt', () => {
  const schema = z.toJSONSchema(z.object({ answers: z.array(ticket) }));
  const sample = z
    .object({ answers: z.array(ticket) })
    .parse(sampleJson(schema, source(1, ['a', 'b', 'c'])));
  expect(sample.answers.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
});

test('local references and unions are followed, recursion ends', () => {
  const schema = {
    $defs: {
      node: {
        type: 'object',
        properties: { name: { type: 'string' }, next: { $ref: '#/$defs/node' } },
      },
    },
    type: 'object',
    properties: {
      tree: { $ref: '#/$defs/node' },
      either: { anyOf: [{ type: 'integer' }, { type: 'string' }] },
      both: { allOf: [{ type: 'object' }, { properties: { x: { const: 7 } } }] },
    },
  };
  const sample = sampleJson(schema, source(3));
  expect(sample).toMatchObject({ tree: { name: expect.any(String) }, both: { x: 7 } });
  expect(sample).toHaveProperty('either', expect.any(Number));
});
