import { describe, expect, it } from 'vitest';
import { fitCheck } from '../../../../shared/domain/sizes/fit-check.ts';
import { countingFor, type ModelSpec } from '../../../../shared/domain/sizes/model-spec.ts';
import type { RequestEstimate } from '../../../../shared/domain/sizes/request-size.ts';

const SPEC: ModelSpec = {
  name: 'gpt-4o-mini',
  counting: countingFor('gpt-4o-mini'),
  contextWindow: 128_000,
  maxOutputTokens: 16_384,
};

function sized(inputTokens: number, maxOutputTokens: number | null, choices = 1): RequestEstimate {
  return {
    inputTokens,
    windowTokens: inputTokens,
    maxOutputTokens,
    assumedOutputTokens: maxOutputTokens ?? 1024,
    choices,
    exact: true,
    notes: [],
  };
}

describe('fitCheck', () => {
  it('lets pass what fills the window exactly', () => {
    expect(fitCheck(SPEC, sized(127_000, 1_000))).toBeNull();
    expect(fitCheck(SPEC, sized(128_000, null))).toBeNull();
  });

  it('refuses one token more, with the numbers and the remedy', () => {
    const refusal = fitCheck(SPEC, sized(127_001, 1_000));
    expect(refusal).toMatchObject({
      code: 'context_length_exceeded',
      neededTokens: 128_001,
      limitTokens: 128_000,
    });
    expect(refusal?.message).toContain('input 127001 + max output 1000 = 128001 tokens > 128000');
    expect(refusal?.message).toContain('ask for 999 output tokens or less');
  });

  it('refuses a prompt that alone is too long', () => {
    expect(fitCheck(SPEC, sized(128_001, null))?.message).toContain('shorten the input by 1');
    const split = { ...SPEC, contextWindow: 400_000, maxInputTokens: 272_000 };
    expect(fitCheck(split, sized(272_001, 10))?.limitTokens).toBe(272_000);
  });

  it('refuses a larger answer than the model gives, by choice and not in total', () => {
    expect(fitCheck(SPEC, sized(10, 16_385))?.code).toBe('invalid_request');
    expect(fitCheck(SPEC, sized(10, 3 * 16_384, 3))).toBeNull();
  });

  it('refuses what no bucket can ever admit, and names the bucket', () => {
    const refusal = fitCheck(SPEC, sized(900, 200), { tokensPerMinute: 1_000 });
    expect(refusal).toMatchObject({ code: 'exceeds_rate_limit', neededTokens: 1_100 });
    expect(refusal?.message).toContain('tokensPerMinute bucket of gpt-4o-mini holds only 1000');
    expect(fitCheck(SPEC, sized(900, 200), { inputTokensPerMinute: 899 })?.param).toBe('input');
    expect(fitCheck(SPEC, sized(9, 200), { outputTokensPerMinute: 199 })?.param).toBe('max_tokens');
  });

  it('does not refuse on an assumed answer', () => {
    expect(fitCheck(SPEC, sized(900, null), { tokensPerMinute: 1_000 })).toBeNull();
  });

  it('refuses nothing where limits are not known', () => {
    const unknown = { name: 'x', counting: countingFor('x') };
    expect(fitCheck(unknown, sized(10_000_000, 10_000_000))).toBeNull();
  });

  it('says when the number is an estimate', () => {
    const rough = { ...sized(300_000, null), exact: false };
    expect(fitCheck(SPEC, rough)?.message).toContain('about 300000');
  });
});
