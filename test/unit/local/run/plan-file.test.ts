import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { planFile } from '../../../../local/run/plan-file.ts';
import { batchLine, testModels } from '../test-models.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'penstock-plan-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

async function plan(lines: readonly string[], models: object = {}, windowMs: number | null = null) {
  const path = join(directory, 'in.jsonl');
  writeFileSync(path, lines.join('\n'));
  return planFile({ path, models: await testModels(models), windowMs, onProgress: () => {} });
}

const PRICED = {
  provider: 'openai',
  price: { input: 1, output: 10, flexShare: 0.5, nativeShare: 0.4 },
  lanes: ['live', 'flex', 'native'],
};

describe('planFile', () => {
  it('adds up tokens and the cost of each lane', async () => {
    const lines = ['a', 'b', 'c'].map((id) => batchLine(id, { model: 'm' }));
    const { models, rejected } = await plan(lines, { m: PRICED });
    expect(rejected.total).toBe(0);
    const [model] = models;
    const inputTokens = model?.inputTokens ?? 0;
    expect(model).toMatchObject({ requests: 3, maxOutputTokens: 150, unboundedRequests: 0 });
    expect(model?.lanes).toEqual([
      {
        lane: 'live',
        leastMicroUsd: inputTokens,
        mostMicroUsd: inputTokens + 1_500,
        durationMs: null,
      },
      {
        lane: 'flex',
        leastMicroUsd: Math.round(inputTokens / 6) * 3,
        mostMicroUsd: Math.round(inputTokens / 6) * 3 + 750,
        durationMs: null,
      },
      {
        lane: 'native',
        leastMicroUsd: expect.any(Number),
        mostMicroUsd: expect.any(Number),
        durationMs: expect.any(Number),
      },
    ]);
  });

  it('says which lane it would take within a time, what that costs, and when it is done', async () => {
    const lines = ['a', 'b', 'c'].map((id) => batchLine(id, { model: 'm' }));
    const auto = async (windowMs: number | null, model: object = PRICED) =>
      (await plan(lines, { m: model }, windowMs)).models[0]?.auto;
    expect(await auto(null)).toMatchObject({ lane: 'live', decision: { escalateAtMs: null } });
    expect(await auto(15 * 60_000)).toMatchObject({ lane: 'flex' });
    const day = await auto(24 * 3_600_000);
    expect(day).toMatchObject({ lane: 'native', decision: { meetsDeadline: true } });
    expect(day?.decision.escalateAtMs).toBeGreaterThan(23 * 3_600_000);
    const slow = { ...PRICED, limits: { requestsPerMinute: 1 }, lanes: ['live'] };
    expect(await auto(60_000, slow)).toMatchObject({ decision: { meetsDeadline: false } });
  });

  it('names the limit that binds, and how long it makes the run', async () => {
    const lines = Array.from({ length: 30 }, (_, index) => batchLine(`${index}`, { model: 'm' }));
    const limits = { requestsPerMinute: 60, tokensPerMinute: 1_000_000 };
    const byRequests = await plan(lines, { m: { ...PRICED, limits } });
    expect(byRequests.models[0]).toMatchObject({
      binding: { dimension: 'requests', perMinute: 60 },
      durationMs: 30_000,
    });
    const byTokens = await plan(lines, {
      m: { ...PRICED, limits: { outputTokensPerMinute: 500 } },
    });
    expect(byTokens.models[0]).toMatchObject({
      binding: { dimension: 'outputTokens', perMinute: 500 },
      durationMs: 180_000,
    });
    const learnt = await plan(lines, { m: PRICED });
    expect(learnt.models[0]).toMatchObject({ binding: null, durationMs: null });
  });

  it('counts bad lines, requests without a bound, and models without a price', async () => {
    const { models, rejected, lines } = await plan(
      [
        batchLine('a', { model: 'free', max_tokens: undefined }),
        batchLine('a', { model: 'free' }),
        'nonsense',
      ],
      { free: { provider: 'openai' } },
    );
    expect(lines).toBe(3);
    expect(rejected).toMatchObject({
      total: 2,
      first: [
        { line: 2, code: 'duplicate_custom_id' },
        { line: 3, code: 'invalid_request' },
      ],
    });
    expect(models).toMatchObject([{ model: 'free', unboundedRequests: 1, lanes: [] }]);
  });
});
