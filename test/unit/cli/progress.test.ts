import { PassThrough } from 'node:stream';
import colors from 'picocolors';
import { describe, expect, it } from 'vitest';
import { ProgressMeter } from '../../../cli/progress/progress-snapshot.ts';
import { createProgressView } from '../../../cli/progress/progress-view.ts';
import type { Terminal } from '../../../cli/terminal.ts';
import type {
  DispatchProgress,
  ModelProgress,
} from '../../../shared/usecases/dispatch-progress.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const MODEL: ModelProgress = {
  model: 'm',
  provider: 'openai',
  inFlight: 3,
  waiting: 5,
  limitUsed: 0.975,
  boundBy: 'inputTokens',
  pausedUntilMs: 0,
  quietUntilMs: 0,
  sent: 0,
};

function progress(part: Partial<DispatchProgress>): DispatchProgress {
  return {
    succeeded: 0,
    failed: 0,
    inFlight: 3,
    sent: 0,
    throttled: 0,
    retried: 0,
    costMicroUsd: 0,
    inputTokens: 0,
    cachedInputTokens: 0,
    outputTokens: 0,
    unmetered: 0,
    models: [MODEL],
    stops: [],
    ...part,
  };
}

const FRESH = { total: 1_000, doneBefore: 0, failedBefore: 0, costBeforeMicroUsd: 0 };

describe('ProgressMeter', () => {
  it('tells rate, time left and projected cost', () => {
    const meter = new ProgressMeter(FRESH);
    expect(meter.read(progress({}), 0)).toMatchObject({
      done: 0,
      perSecond: 0,
      etaMs: null,
      projectedMicroUsd: null,
    });
    const later = progress({ succeeded: 95, failed: 5, costMicroUsd: 2_000 });
    expect(meter.read(later, 2_000)).toMatchObject({
      done: 100,
      failed: 5,
      perSecond: 50,
      etaMs: 18_000,
      costMicroUsd: 2_000,
      projectedMicroUsd: 20_000,
      limit: { name: 'input tokens', used: 0.975 },
      waitingFor: null,
    });
  });

  it('looks back a short while only', () => {
    const meter = new ProgressMeter(FRESH);
    for (let second = 0; second <= 60; second += 1) {
      meter.read(progress({ succeeded: second < 30 ? 0 : (second - 30) * 10 }), second * 1_000);
    }
    const { perSecond } = meter.read(progress({ succeeded: 300 }), 60_500);
    expect(perSecond).toBeGreaterThan(9);
  });

  it('counts on from the run before', () => {
    const meter = new ProgressMeter({
      total: 10,
      doneBefore: 4,
      failedBefore: 1,
      costBeforeMicroUsd: 400,
    });
    expect(meter.read(progress({ succeeded: 1, costMicroUsd: 100 }), 0)).toMatchObject({
      done: 5,
      failed: 1,
      costMicroUsd: 500,
      projectedMicroUsd: 1_000,
    });
  });

  it('says what everything waits for', () => {
    const meter = new ProgressMeter(FRESH);
    const paused = { ...MODEL, pausedUntilMs: 9_500 };
    expect(meter.read(progress({ models: [paused] }), 1_000).waitingFor).toBe(
      'openai asked us to wait 9 s',
    );
    expect(meter.read(progress({ models: [paused, MODEL] }), 1_000).waitingFor).toBeNull();
    const stop = { provider: 'openai', code: 'provider_auth_failed', message: 'Bad key' } as const;
    expect(meter.read(progress({ stops: [stop] }), 1_000).waitingFor).toBe(
      'openai stopped: Bad key',
    );
  });
});

describe('createProgressView', () => {
  function terminal(isInteractive: boolean) {
    const clock = new FakeClock();
    const notes: string[] = [];
    const stderr = new PassThrough();
    const shown: Terminal = {
      stdout: new PassThrough(),
      stderr,
      isInteractive,
      color: colors.createColors(false),
      environment: {},
      directory: '.',
      clock,
      note: (line) => void notes.push(line),
      print: () => {},
    };
    return { shown, notes, clock, drawn: () => String(stderr.read() ?? '') };
  }
  const snapshot = new ProgressMeter(FRESH).read(
    progress({ succeeded: 10, throttled: 2, costMicroUsd: 10 }),
    0,
  );

  it('writes a line every five seconds where nobody watches', () => {
    const { shown, notes, clock } = terminal(false);
    const view = createProgressView(shown, false);
    for (let look = 0; look < 60; look += 1) {
      view.running(snapshot);
      clock.setBack(-200);
    }
    view.end();
    expect(notes).toEqual([
      expect.stringMatching(
        /^10\/1,000 0\.0\/s {2}\$0\.000010 of ~\$0\.0010 {2}input tokens 98 % {2}429s 2$/,
      ),
      expect.stringMatching(/^10\/1,000/),
    ]);
  });

  it('says nothing when told to be quiet, except what is said on purpose', () => {
    const { shown, notes, clock } = terminal(false);
    const view = createProgressView(shown, true);
    clock.setBack(-60_000);
    view.validating(1, 2, 0);
    view.running(snapshot);
    view.say('Stopping');
    expect(notes).toEqual(['Stopping']);
  });

  it('draws on a terminal, and never on standard output', () => {
    const { shown, notes, drawn } = terminal(true);
    Object.assign(shown.stderr, { isTTY: true, columns: 200 });
    const view = createProgressView(shown, false);
    view.validating(500, 1_000, 3);
    view.running(snapshot);
    view.say('Stopping');
    view.end();
    expect(notes).toEqual(['Stopping']);
    expect(drawn()).not.toBe('');
    expect(shown.stdout).toHaveProperty('readableLength', 0);
  });
});
