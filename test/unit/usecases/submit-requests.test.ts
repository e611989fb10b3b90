import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../../shared/adapters/sqlite/database.ts';
import { createSqliteStores } from '../../../shared/adapters/sqlite/stores.ts';
import { modelPrice } from '../../../shared/domain/cost/pricing.ts';
import { AppError } from '../../../shared/domain/errors.ts';
import type { BudgetStore } from '../../../shared/ports/budget-store.ts';
import type { RequestStore } from '../../../shared/ports/request-store.ts';
import {
  createSubmitRequests,
  type Submission,
  type SubmitRequestsDeps,
} from '../../../shared/usecases/submit-requests.ts';
import { chatModel, HELLO } from '../../support/api-under-test.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemorySegments } from '../../support/memory-segments.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const T = { tenant: 't', monthlyBudgetMicroUsd: null };

function submission(overrides: Partial<Submission> = {}): Submission {
  return {
    idempotencyKey: null,
    customId: null,
    model: 'gpt-4o-mini',
    endpoint: '/v1/chat/completions',
    body: HELLO,
    completionWindowMs: null,
    lane: null,
    priority: 5,
    tags: [],
    ...overrides,
  };
}

function start(overrides: Partial<SubmitRequestsDeps> = {}) {
  const clock = new FakeClock();
  const { requests, budgets, calls } = createSqliteStores(openDatabase(':memory:'));
  const segments = new MemorySegments();
  const model = chatModel();
  const deps: SubmitRequestsDeps = {
    requests,
    budgets,
    calls,
    payloads: segments.payloads,
    models: {
      get: (name) => (name === model.name ? model : undefined),
      values: () => [model],
      dialectOf: () => 'openai',
      explainUnknown: (name) => `${name} is not configured`,
    },
    measure: async () => ({ kind: 'fits', inputTokens: 10, maxOutputTokens: 5 }),
    prefixKey: (_, body) => (typeof body['opening'] === 'string' ? body['opening'] : null),
    clock,
    random: createSeededRandom(1),
    wake: () => undefined,
    ...overrides,
  };
  return { clock, requests, budgets: deps.budgets, segments, submit: createSubmitRequests(deps) };
}

describe('submitting', () => {
  it('makes requests with one opening neighbours, whatever stands between them', async () => {
    const { submit, requests } = start();
    const openings = ['a', 'b', 'a', null, 'b', 'a'];
    await submit(
      T,
      openings.map((opening, index) =>
        submission({ customId: `c${index}`, body: { ...HELLO, ...(opening && { opening }) } }),
      ),
    );
    const { items } = await requests.list({ tenant: 't', limit: 10 });
    const inOrder = items
      .toReversed()
      .toSorted((one, other) => one.groupOrder - other.groupOrder)
      .map(({ customId }) => customId);
    expect(inOrder).toEqual(['c0', 'c2', 'c5', 'c1', 'c4', 'c3']);
  });

  it('puts later calls after earlier ones', async () => {
    const { submit, requests, clock } = start();
    await submit(
      T,
      Array.from({ length: 50 }, () => submission()),
    );
    await clock.runUntil(clock.sleep(1_000));
    await submit(T, [submission({ customId: 'late' })]);
    const { items } = await requests.list({ tenant: 't', limit: 100 });
    const last = items.toSorted((one, other) => one.groupOrder - other.groupOrder).at(-1);
    expect(last?.customId).toBe('late');
    expect(Number.isSafeInteger(last?.groupOrder)).toBe(true);
  });

  it('stores bodies before requests, so that a known request can be run', async () => {
    const order: string[] = [];
    const { segments, requests } = start();
    const { submit } = start({
      payloads: {
        ...segments.payloads,
        append: (tenant, lines) => {
          order.push('bodies');
          return segments.payloads.append(tenant, lines);
        },
      },
      requests: Object.assign(Object.create(requests), {
        accept: (specs: Parameters<typeof requests.accept>[0]) => {
          order.push('requests');
          return requests.accept(specs);
        },
      }),
      wake: () => void order.push('wake'),
    });
    await submit(T, [submission()]);
    expect(order).toEqual(['bodies', 'requests', 'wake']);
  });

  it('lets other work have its turn between many', async () => {
    const { submit, clock } = start();
    const before = clock.nowMs();
    const outcomes = await clock.runUntil(
      submit(
        T,
        Array.from({ length: 1_000 }, () => submission()),
      ),
    );
    expect(outcomes).toHaveLength(1_000);
    expect(clock.nowMs()).toBeGreaterThan(before);
  });

  it('keeps the order of outcomes when some are refused', async () => {
    const { submit } = start();
    const outcomes = await submit(T, [
      submission({ model: 'nope' }),
      submission({ idempotencyKey: 'k' }),
      submission({ lane: 'native' }),
      submission({ idempotencyKey: 'k' }),
      submission({ idempotencyKey: 'k', body: { ...HELLO, seed: 1 } }),
    ]);
    const words = outcomes.map((outcome) =>
      outcome.kind === 'refused' ? outcome.error.code : `replay ${outcome.isReplay}`,
    );
    expect(words).toEqual([
      'unknown_model',
      'replay false',
      'invalid_request',
      'replay true',
      'idempotency_conflict',
    ]);
  });

  it('touches no store when nothing can be accepted', async () => {
    const { submit, segments } = start();
    expect(await submit(T, [])).toEqual([]);
    await submit(T, [submission({ model: 'nope' })]);
    expect(segments.lines).toEqual([]);
  });
});

describe('submitting within a budget', () => {
  const LIMITED = { tenant: 't', monthlyBudgetMicroUsd: 1_000 };
  const model = chatModel({ price: modelPrice({ input: 1_000_000, output: 1_000_000 }) });
  /** 13 micro-dollars for the prompt, and as many as the answer may hold tokens. */
  const limited = (overrides: Partial<SubmitRequestsDeps> = {}) =>
    start({
      models: {
        get: () => model,
        values: () => [model],
        dialectOf: () => 'openai',
        explainUnknown: (name) => name,
      },
      ...overrides,
    });
  const failing = (requests: RequestStore, error: Error): RequestStore =>
    Object.assign(Object.create(requests), { accept: () => Promise.reject(error) });
  const state = (budgets: BudgetStore) => budgets.read('t', '2023-11');

  it('reserves what the model may answer where nothing bounds it', async () => {
    const { submit, budgets } = limited({
      measure: async () => ({
        kind: 'fits',
        inputTokens: 10,
        maxOutputTokens: 5,
        hasOutputBound: false,
      }),
    });
    await submit({ ...LIMITED, monthlyBudgetMicroUsd: 1_000_000 }, [submission()]);
    expect((await state(budgets)).reservedMicroUsd).toBe(13 + 16_384);
  });

  it('gives back what a store that is busy did not accept', async () => {
    const { requests, budgets } = start();
    const busy = failing(requests, new AppError('capacity_exhausted', 'busy'));
    const { submit } = limited({ requests: busy, budgets });
    await expect(submit(LIMITED, [submission()])).rejects.toThrow('busy');
    expect(await state(budgets)).toEqual({ spentMicroUsd: 0, reservedMicroUsd: 0 });
    // Requests with keys of their own may be accepted after all, by the sweeper.
    await expect(submit(LIMITED, [submission({ idempotencyKey: 'k' })])).rejects.toThrow('busy');
    expect((await state(budgets)).reservedMicroUsd).toBe(18);
  });

  it('keeps the reservation where it cannot know, and gives it back where bodies were lost', async () => {
    const { requests, budgets, segments } = start();
    const broken = limited({ requests: failing(requests, new Error('lost')), budgets });
    await expect(broken.submit(LIMITED, [submission()])).rejects.toThrow('lost');
    expect((await state(budgets)).reservedMicroUsd).toBe(18);
    const append = () => Promise.reject(new Error('full'));
    const random = createSeededRandom(2);
    const full = limited({ payloads: { ...segments.payloads, append }, budgets, random });
    await expect(full.submit(LIMITED, [submission()])).rejects.toThrow('full');
    expect((await state(budgets)).reservedMicroUsd).toBe(18);
  });

  it('looks once at a new call that it refuses', async () => {
    let looks = 0;
    const { requests } = start();
    const { submit } = limited({
      requests: Object.assign(Object.create(requests), {
        get: async () => {
          looks += 1;
          return null;
        },
      }),
    });
    const many = Array.from({ length: 100 }, () => submission());
    const refused = submit(LIMITED, many, { callKey: 'call' });
    await expect(refused).rejects.toMatchObject({ code: 'budget_exceeded' });
    expect(looks).toBe(1);
  });
});
