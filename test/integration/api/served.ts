import { createWorld, type RunningCli, type World } from '../cli/harness.ts';

/** The key that the server takes. */
export const SERVER_KEY = 'team-a-key-0123456789';

/** The provider's own batches take what a test has time for. */
const QUICK_BATCHES = {
  turnaround: { minMs: 300, maxMs: 600 },
  validationMs: 50,
  finalizingMs: 50,
};

/** `penstock serve` with a simulated OpenAI and a simulated Anthropic behind it. */
export interface Served {
  readonly world: World;
  readonly url: string;
  /** Kills the server without warning, and starts it again over the same state. */
  restart(): Promise<string>;
}

/** `settings`: of the server, beside its keys, as YAML. */
export async function serve(
  options: Parameters<typeof createWorld>[0] = {},
  settings: Readonly<Record<string, string>> = {},
): Promise<Served> {
  const world = await createWorld({ batches: QUICK_BATCHES, ...options });
  const limits = 'limits: { requestsPerMinute: 600000, tokensPerMinute: 900000000 }';
  const { url: provider } = world.simulator;
  world.write(
    'penstock.yaml',
    [
      'providers:',
      `  openai: { dialect: openai, baseUrl: "${provider}/v1", apiKey: sk-test }`,
      `  claude: { dialect: anthropic, baseUrl: "${provider}", apiKey: sk-test }`,
      'models:',
      `  gpt-4o-mini: { provider: openai, ${limits} }`,
      `  gpt-4o: { provider: openai, ${limits} }`,
      `  claude-haiku-4-5: { provider: claude, ${limits} }`,
      'server:',
      `  apiKeys: [{ key: "\${TEAM_KEY}", tenant: team-a }, { key: other-team-key-0123, tenant: team-b }]`,
      ...Object.entries(settings).map(([name, value]) => `  ${name}: ${value}`),
    ].join('\n'),
  );
  let running = world.start(['serve', '--port', '0'], { TEAM_KEY: SERVER_KEY });
  return {
    world,
    url: await listening(running),
    async restart() {
      running.child.kill('SIGKILL');
      await running.ended;
      running = world.start(['serve', '--port', '0'], { TEAM_KEY: SERVER_KEY });
      return listening(running);
    },
  };
}

/** Where the server listens, once it does. */
function listening({ child, ended }: RunningCli): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (piece: string) => {
      text += piece;
      const [found] = /http:\/\/\S+?:\d+/.exec(text) ?? [];
      if (found !== undefined) resolve(found);
    });
    ended.then(({ stderr }) => reject(new Error(stderr)));
  });
}
