import { readCommandLine } from './cli-options.ts';
import { InvalidOptionsError, startSimulator } from './server.ts';

/** Exit status of a wrong command line, as in the rest of the project. */
const EXIT_BAD_INPUT = 2;

async function main(): Promise<void> {
  const { options, isJson } = readCommandLine(process.argv.slice(2));
  const simulator = await startSimulator(options);
  const { host = '127.0.0.1' } = options;
  if (!isLoopback(host)) {
    process.stderr.write(
      `warning: ${host} is reachable from other machines; the simulator has no protection. Bind 127.0.0.1 unless you mean it.\n`,
    );
  }
  const { url, port } = simulator;
  process.stdout.write(isJson ? `${JSON.stringify({ url, port })}\n` : `listening ${url}\n`);
  const stop = (): void => {
    void simulator.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

main().catch((error: unknown) => {
  const isOurs = error instanceof InvalidOptionsError || isSystemError(error);
  process.stderr.write(
    `${isOurs ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  );
  process.exitCode = isOurs ? EXIT_BAD_INPUT : 1;
});

/** A port in use or an address that is not ours: the caller's to mend. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error;
}
