import { afterEach, describe, expect, it } from 'vitest';
import { createWorld, inputLines, type World } from './harness.ts';

let world: World;
afterEach(() => world.close());

describe('penstock plan', () => {
  it('shows tokens, cost and time, and sends nothing, even without a key', async () => {
    world = await createWorld({}, 'limits: { requestsPerMinute: 600 }');
    world.write('in.jsonl', inputLines(100));
    const { code, stdout } = await world.run(['plan', 'in.jsonl'], { OPENAI_API_KEY: '' });
    expect(code).toBe(0);
    expect(stdout).toMatch(/gpt-4o-mini.*100.*requests 600\/min.*10 s/);
    expect(stdout).toMatch(/live.*\$0\.\d{4,6} - \$0\.\d{4,6}.*0 %.*10 s/);
    expect(stdout).toMatch(/auto, no --window.*likely \$0\.\d{4,6}/);
    const widths = stdout
      .split('\n')
      .filter((line) => /^[│┌├└]/.test(line))
      .map(({ length }) => length);
    expect(Math.max(...widths)).toBeLessThanOrEqual(80);
    expect(world.simulator.stats()).toMatchObject({ received: 0 });
    const json = await world.run(['plan', 'in.jsonl', '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      exit_code: 0,
      lines: 100,
      models: [
        {
          model: 'gpt-4o-mini',
          requests: 100,
          max_output_tokens: 1_600,
          binding: { limit: 'requests', per_minute: 600 },
          duration_ms: 10_000,
        },
      ],
      rejected: { total: 0 },
    });
  });

  it('names bad lines and still plans the others', async () => {
    world = await createWorld();
    world.write('in.jsonl', `${inputLines(3)}oops\n`);
    const { code, stdout, stderr } = await world.run(['plan', 'in.jsonl']);
    expect(code).toBe(2);
    expect(stdout).toMatch(/gpt-4o-mini/);
    expect(stderr).toMatch(/1 line is not usable:\n +line 4/);
  });
});

describe('penstock plan of standard input', () => {
  it('says to save it first', async () => {
    world = await createWorld();
    const { code, stderr } = await world.run(['plan', '-']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/cat > in\.jsonl/);
  });
});

describe('penstock doctor', () => {
  it('finds all well', async () => {
    world = await createWorld();
    const { code, stdout } = await world.run(['doctor']);
    expect(stdout).toMatch(/ok {2}node: /);
    expect(stdout).toMatch(/ok {2}openai: .*accepts the key/);
    expect(code).toBe(0);
  });

  it('names each thing to mend', async () => {
    world = await createWorld({ apiKeys: ['sk-good'] });
    const wrongKey = await world.run(['doctor', '--json']);
    expect(wrongKey.code).toBe(1);
    expect(JSON.parse(wrongKey.stdout)).toMatchObject({
      ok: false,
      findings: expect.arrayContaining([
        { name: 'openai', health: 'bad', detail: expect.stringMatching(/key/) },
      ]),
    });
    expect(wrongKey.stdout).not.toContain('sk-test');
    const noKey = await world.run(['doctor'], { OPENAI_API_KEY: '' });
    expect(noKey.code).toBe(1);
    expect(noKey.stdout).toMatch(/!! {2}configuration: .*OPENAI_API_KEY is not set/s);
  });

  it('says when a provider cannot be reached', async () => {
    world = await createWorld();
    await world.simulator.close();
    const { code, stdout } = await world.run(['doctor']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/!! {2}openai: /);
  });

  it('notices a model the provider does not list', async () => {
    world = await createWorld({ models: { 'gpt-4o': {} } });
    const { code, stdout } = await world.run(['doctor']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\?\? {2}openai: does not list gpt-4o-mini/);
  });
});
