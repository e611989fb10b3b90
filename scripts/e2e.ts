/**
 * `npm run e2e`: deploys both stacks to an emulator on this machine, with a simulated provider
 * behind them, and runs the end-to-end suites against the deployed API. Ends what it started.
 */

import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { startSimulator } from '../simulator/server.ts';
import { deployLocally, emulatorEnvironment } from './deployment/local-deployment.ts';
import { SIMULATED_LIMITS, SIMULATED_SECRET, simulatedConfig } from './deployment/simulated-config.ts';
import { openEmulator } from './emulator/open-emulator.ts';

const SIMULATED_KEY = 'simulated-provider-key';
