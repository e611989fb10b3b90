import { stringify } from 'yaml';

/** Name of the secret that holds the key of the simulated provider. */
export const SIMULATED_SECRET = 'penstock/simulated-provider';

/** Models of the local stack, with limits the simulator is started with. */
export const SIMULATED_LIMITS = { requestsPerMinute: 30_000, tokensPerMinute: 20_000_000 };

/** A configuration that points every provider at a simulator. */
export function simulatedConfig(simulatorUrl: string): string {
  const apiKey = `secretsmanager:${SIMULATED_SECRET}`;
  return stringify({
    providers: {
      openai: { dialect: 'openai', baseUrl: `${simulatorUrl}/v1`, apiKey },
      claude: { dialect: 'anthropic', baseUrl: simulatorUrl, apiKey },
    },
    models: {
      'gpt-4o-mini': { provider: 'openai', limits: SIMULATED_LIMITS },
      'text-embedding-3-small': { provider: 'openai', limits: SIMULATED_LIMITS },
      'claude-haiku-4-5': {
        provider: 'claude',
        limits: {
          requestsPerMinute: SIMULATED_LIMITS.requestsPerMinute,
          inputTokensPerMinute: 10_000_000,
          outputTokensPerMinute: 2_000_000,
        },
      },
    },
  });
}
