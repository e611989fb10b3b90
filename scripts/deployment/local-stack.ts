import { type Simulator, startSimulator } from '../../simulator/server.ts';
import { type Emulator, findEmulator, startEmulator } from '../emulator/start-emulator.ts';
import { deployLocally, type LocalDeployment } from './local-deployment.ts';
import { SIMULATED_LIMITS, SIMULATED_SECRET, simulatedConfig } from './simulated-config.ts';

const SIMULATED_KEY = 'simulated-provider-key';

export interface LocalStackOptions {
  readonly port: number;
  /** Port of the simulated provider. @default a free one */
  readonly simulatorPort?: number;
  readonly isVerbose: boolean;
  readonly say: (line: string) => void;
}

export interface LocalStack extends LocalDeployment {
  readonly endpoint: string;
  readonly simulator: Simulator;
  /** Ends what was started here: the provider, and the emulator unless it ran already. */
  close(): Promise<void>;
}

/** Penstock deployed to the emulator on that port, which is started when none answers there. */
export async function startLocalStack(options: LocalStackOptions): Promise<LocalStack> {
  const { port, simulatorPort, isVerbose, say } = options;
  const endpoint = `http://127.0.0.1:${port}`;
  const found = await findEmulator(endpoint);
  let emulator: Emulator | null = null;
  if (found === null) {
    emulator = await startEmulator({
      port,
      onInstall: () => say('Installing MiniStack, once ...'),
    });
    say(`Started ${await findEmulator(endpoint)} on ${endpoint}`);
  } else say(`Using the ${found} that answers on ${endpoint}`);
  const simulator = await startSimulator({
    apiKeys: [SIMULATED_KEY],
    limits: { ...SIMULATED_LIMITS, charge: 'sum' },
    latency: { p50Ms: 300, p95Ms: 700 },
    // Providers take minutes to hours; whoever tries it out has not got them.
    batches: { turnaround: { minMs: 5_000, maxMs: 10_000 } },
    ...(simulatorPort === undefined ? {} : { port: simulatorPort }),
  });
  const close = async (): Promise<void> => {
    await simulator.close();
    await emulator?.close();
  };
  try {
    const startedAtMs = Date.now();
    say('Deploying both stacks ...');
    const deployment = await deployLocally({
      endpoint,
      config: simulatedConfig(simulator.url),
      secrets: { [SIMULATED_SECRET]: SIMULATED_KEY },
      isVerbose,
    });
    say(`Deployed in ${Math.round((Date.now() - startedAtMs) / 1_000)} s: ${deployment.url}`);
    return { ...deployment, endpoint, simulator, close };
  } catch (error) {
    await close();
    throw error;
  }
}
