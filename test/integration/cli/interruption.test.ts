import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { createWorld, expectedIds, idsOf, inputLines, type World } from './harness.ts';

let world: World;
afterEach(() => world.close());

const RUN = ['run', 'in.jsonl', '-o', 'out.jsonl'];

describe('penstock run, interrupted', () => {
  it('loses and repeats no line through five kills at any moment', async () => {
    const lines = 3_000;
    const concurrency = 16;
    const random = createSeededRandom(5);
    world = await createWorld({ latency: { minMs: 8, maxMs: 14 } });
    world.write('in.jsonl', inputLines(lines));
    const args = [...RUN, '--concurrency', `${concurrency}`];
    let kills = 0;
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const running = world.start(args);
      await delay(400 + random.next() * 900);
      running.child.kill('SIGKILL');
      if ((await running.ended).signal === 'SIGKILL') kills += 1;
    }
    expect(kills).toBe(5);
    const last = await world.run([...args, '--json']);
    expect(last.code).toBe(0);
    expect(JSON.parse(last.stdout)).toMatchObject({ answered: lines, failed: 0, left: 0 });
    expect(idsOf(world.rows())).toEqual(expectedIds(lines));
    const { billed } = world.simulator.stats();
    expect(billed).toBeGreaterThanOrEqual(lines);
    expect(billed - lines).toBeLessThanOrEqual(kills * concurrency);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'lets calls in flight finish on %s, says how to go on, and does',
    async (signal) => {
      world = await createWorld({ latency: { minMs: 150, maxMs: 200 } });
      world.write('in.jsonl', inputLines(120));
      const args = [...RUN, '--concurrency', '20'];
      const running = world.start(args);
      while (world.simulator.stats().served < 25) await delay(10);
      running.child.kill(signal);
      const { code, stdout, stderr } = await running.ended;
      expect(code).toBe(130);
      expect(stderr).toMatch(/Stopping: \d+ calls? in flight will finish first/);
      expect(stderr).toMatch(/\d+ requests left\. Run the same command again to go on/);
      expect(stdout).toMatch(/answered +\d+ of 120, \d+ left/);
      const { served, billed } = world.simulator.stats();
      expect(world.rows()).toHaveLength(served);
      expect(billed).toBe(served);
      const second = await world.run(args);
      expect(second.code).toBe(0);
      expect(second.stderr).toContain(`Resuming: ${served} of 120 already answered`);
      expect(idsOf(world.rows())).toEqual(expectedIds(120));
      expect(world.simulator.stats()).toMatchObject({ served: 120, billed: 120 });
    },
  );

  it('quits at once on the second Ctrl-C, and still goes on later', async () => {
    world = await createWorld({ latency: { minMs: 60_000, maxMs: 60_001 } });
    world.write('in.jsonl', inputLines(10));
    const running = world.start(RUN);
    while (world.simulator.stats().inFlight < 10) await delay(10);
    running.child.kill('SIGINT');
    await running.said('Stopping: 10 calls in flight');
    running.child.kill('SIGINT');
    expect((await running.ended).code).toBe(130);
    world.simulator.configure({ latency: { minMs: 1, maxMs: 2 } });
    expect((await world.run(RUN)).code).toBe(0);
    expect(idsOf(world.rows())).toEqual(expectedIds(10));
  });
});

describe('penstock run, held up by a provider', () => {
  it('stops on a refused key in the provider’s words, and goes on with a good one', async () => {
    world = await createWorld({ apiKeys: ['sk-good'] });
    world.write('in.jsonl', inputLines(200));
    const args = [...RUN, '--concurrency', '20'];
    const { code, stdout, stderr } = await world.run(args, { OPENAI_API_KEY: 'sk-wrong-key' });
    expect(code).toBe(2);
    expect(stderr).toMatch(/openai stopped \(provider_auth_failed\): .*OPENAI_API_KEY/s);
    expect(stderr).toMatch(/200 requests left/);
    expect(stderr + stdout).not.toContain('sk-wrong-key');
    expect(world.simulator.stats().invalid['401']).toBeLessThanOrEqual(20);
    const second = await world.run(RUN, { OPENAI_API_KEY: 'sk-good' });
    expect(second.code).toBe(0);
    expect(idsOf(world.rows())).toEqual(expectedIds(200));
  });

  it('finishes the other provider’s part first', async () => {
    world = await createWorld({ apiKeys: ['sk-good'] });
    const other = await createWorld();
    world.write(
      'penstock.yaml',
      [
        'providers:',
        `  one: { dialect: openai, baseUrl: "${world.simulator.url}/v1", apiKey: "sk-wrong" }`,
        `  two: { dialect: openai, baseUrl: "${other.simulator.url}/v1", apiKey: none }`,
        'models:',
        '  gpt-4o-mini: { provider: one }',
        '  gpt-4o: { provider: two }',
      ].join('\n'),
    );
    const lines = inputLines(60).trimEnd().split('\n');
    const mixed = lines.map((line, index) =>
      index % 2 === 0 ? line : line.replace('gpt-4o-mini', 'gpt-4o'),
    );
    world.write('in.jsonl', mixed.join('\n'));
    const { code, stdout } = await world.run([...RUN, '--json']);
    await other.close();
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      status: 'provider_stopped',
      answered: 30,
      left: 30,
      stops: [{ provider: 'one', code: 'provider_auth_failed' }],
    });
    expect(world.rows()).toHaveLength(30);
  });

  it('stops when the credit is spent', async () => {
    world = await createWorld({ faults: 'quota' });
    world.write('in.jsonl', inputLines(20));
    const { code, stderr } = await world.run(RUN);
    expect(code).toBe(2);
    expect(stderr).toMatch(/provider_quota_spent.*Add credit/s);
  });

  it('gets through faults that pass, with every line answered once', async () => {
    world = await createWorld({ faults: 'http500:0.1,reset_before:0.05,malformed_json:0.05' });
    world.write('in.jsonl', inputLines(300));
    const { code, stdout } = await world.run([...RUN, '--json']);
    const report = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(report.retried).toBeGreaterThan(20);
    expect(idsOf(world.rows())).toEqual(expectedIds(300));
  });
});

function runTool(tool: 'mount' | 'umount', ...args: string[]) {
  return spawnSync(tool, args);
}

const CAN_MOUNT = process.getuid?.() === 0 && runTool('mount', '--version').status === 0;

describe.runIf(CAN_MOUNT)('penstock run on a full disk', () => {
  it.each([
    ['state', ['-o', 'out.jsonl', '--state', 'small/state']],
    ['output', ['-o', 'small/out.jsonl', '--state', 'state']],
  ])(
    'keeps what it has when the disk of the %s is full, and goes on with more room',
    async (_, args) => {
      world = await createWorld();
      const small = world.path('small');
      mkdirSync(small);
      world.write('in.jsonl', inputLines(2_000));
      const mount = (...options: string[]) => {
        const { status, stderr } = runTool('mount', '-t', 'tmpfs', ...options, 'tmpfs', small);
        expect(status, String(stderr)).toBe(0);
      };
      mount('-o', 'size=2m');
      try {
        const full = await world.run(['run', 'in.jsonl', ...args]);
        expect(full.code).toBe(2);
        expect(full.stderr).toMatch(/No space to write .*small.*start again with the same state/s);
        mount('-o', 'remount,size=64m');
        const second = await world.run(['run', 'in.jsonl', ...args]);
        expect(second.code, second.stderr).toBe(0);
        const output = args[1] ?? '';
        expect(idsOf(world.rows(output))).toEqual(expectedIds(2_000));
      } finally {
        runTool('umount', '-l', small);
      }
    },
  );
});
