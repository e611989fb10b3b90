/**
 * `npm run emulator [-- --port 4566]`: an AWS on this machine to deploy into. Uses the LocalStack
 * or MiniStack that answers there already, else installs MiniStack and runs it until Ctrl-C.
 */

import { parseArgs } from 'node:util';
import { EmulatorUnavailable } from './emulator/python-environment.ts';
import { emulatorEnvironment, findEmulator, startEmulator } from './emulator/start-emulator.ts';

const DEFAULT_PORT = 4_566;
const LARGEST_PORT = 65_535;

const { values } = parseArgs({ options: { port: { type: 'string' } } });
const port = Number(values.port ?? DEFAULT_PORT);
if (!Number.isInteger(port) || port < 1 || port > LARGEST_PORT) {
  console.error(`--port takes a number from 1 to ${LARGEST_PORT}, not ${values.port}.`);
  process.exit(2);
}

const url = `http://127.0.0.1:${port}`;
const found = await findEmulator(url);
if (found !== null) {
  console.log(`${found} answers on ${url} already: it is used as it is.`);
  showNextSteps();
} else {
  await runOurOwn();
}

async function runOurOwn(): Promise<void> {
  try {
    const emulator = await startEmulator({
      port,
      onInstall: () =>
        console.log('Installing MiniStack into .emulator/ (once, half a minute) ...'),
    });
    let isStopping = false;
    const stop = () => {
      isStopping = true;
      void emulator.close();
    };
    process.once('SIGINT', stop).once('SIGTERM', stop);
    console.log(`${await findEmulator(url)} answers on ${url}. Its log: ${emulator.logFile}`);
    showNextSteps();
    console.log('\nCtrl-C stops it; what it holds is lost then.');
    await emulator.ended;
    if (!isStopping) throw new EmulatorUnavailable(`MiniStack ended. See ${emulator.logFile}`);
    console.log('Stopped.');
  } catch (error) {
    if (!(error instanceof EmulatorUnavailable)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

function showNextSteps(): void {
  const exports = Object.entries(emulatorEnvironment(url)).map(
    ([name, value]) => `${name}=${value}`,
  );
  console.log('\nNext, in another terminal:');
  console.log('  npm run deploy:local       deploys Penstock into it');
  console.log('\nTo point other AWS tools at it:');
  console.log(`  export ${exports.join(' ')}`);
}
