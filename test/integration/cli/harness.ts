import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SimulatorOptions } from '../../../simulator/server.ts';
import { startSimulator } from '../../../simulator/server.ts';

const SCRIPT = fileURLToPath(new URL('../../../bin/penstock.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCli {
  readonly child: ChildProcess;
  /** Resolves when standard error has said this. */
  said(text: string | RegExp): Promise<void>;
  readonly ended: Promise<Ended>;
}

/** A provider, a directory with a configuration for it, and the command line. */
export interface World {
  readonly directory: string;
  readonly simulator: Awaited<ReturnType<typeof startSimulator>>;
  path(name: string): string;
  write(name: string, text: string): string;
  read(name: string): string;
  /** The output file, parsed. */
  rows(name?: string): ResultRow[];
  start(args: readonly string[], environment?: Record<string, string>): RunningCli;
  run(args: readonly string[], environment?: Record<string, string>): Promise<Ended>;
  close(): Promise<void>;
}

export interface ResultRow {
  readonly custom_id: string | null;
  readonly response: {
    readonly status_code: number;
    readonly body: { readonly model: string };
  } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly x_penstock: { readonly cost_micro_usd: number; readonly lane: string };
}

export async function createWorld(
  options: SimulatorOptions = {},
  modelYaml = 'limits: { requestsPerMinute: 600000, tokensPerMinute: 900000000 }',
): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'penstock-cli-'));
  const simulator = await startSimulator({ latency: { minMs: 1, maxMs: 4 }, ...options });
  const path = (name: string): string => join(directory, name);
  const children = new Set<ChildProcess>();
  const world: World = {
    directory,
    simulator,
    path,
    write(name, text) {
      writeFileSync(path(name), text);
      return path(name);
    },
    read: (name) => readFileSync(path(name), 'utf8'),
    rows: (name = 'out.jsonl') =>
      world
        .read(name)
        .split('\n')
        .filter((line) => line !== '')
        .map((line): ResultRow => JSON.parse(line)),
    start(args, environment = {}) {
      const child = spawn(process.execPath, [SCRIPT, ...args], {
        cwd: directory,
        env: { PATH: process.env['PATH'], OPENAI_API_KEY: 'sk-test', ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      children.add(child);
      return follow(child);
    },
    run: (args, environment) => world.start(args, environment).ended,
    async close() {
      for (const child of children) child.kill('SIGKILL');
      await simulator.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  world.write(
    'penstock.yaml',
    [
      'providers:',
      `  openai: { dialect: openai, baseUrl: "${simulator.url}/v1", apiKey: "\${OPENAI_API_KEY}" }`,
      'models:',
      '  gpt-4o-mini:',
      `    ${modelYaml}`,
    ].join('\n'),
  );
  return world;
}

function follow(child: ChildProcess): RunningCli {
  let stdout = '';
  let stderr = '';
  const listeners = new Set<() => void>();
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    for (const listener of listeners) listener();
  });
  const ended = once(child, 'close').then(
    ([code, signal]): Ended => ({ code, signal, stdout, stderr }),
  );
  return {
    child,
    ended,
    said: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (typeof text === 'string' ? stderr.includes(text) : text.test(stderr)) resolve();
        };
        listeners.add(look);
        look();
        ended.then(({ code }) => reject(new Error(`Ended with ${code} first: ${stderr}`)));
      }),
  };
}

/** OpenAI batch lines, each prompt naming its line so that answers can be told apart. */
export function inputLines(count: number, body: object = {}): string {
  const lines = Array.from({ length: count }, (_, index) =>
    JSON.stringify({
      custom_id: `row-${index}`,
      method: 'POST',
      url: '/v1/chat/completions',
      body: {
        model: 'gpt-4o-mini',
        max_tokens: 16,
        messages: [{ role: 'user', content: `[id:row-${index}] Say hello.` }],
        ...body,
      },
    }),
  );
  return `${lines.join('\n')}\n`;
}

/** Ids of rows, sorted. */
export function idsOf(rows: readonly ResultRow[]): (string | null)[] {
  return rows.map(({ custom_id }) => custom_id).sort();
}

export function expectedIds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `row-${index}`).sort();
}
