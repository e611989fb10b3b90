/** One MiniStack for all suites of the `emulator` project, on a port of its own. */

import type { TestProject } from 'vitest/node';
import { startEmulator } from '../../scripts/emulator/start-emulator.ts';

declare module 'vitest' {
  interface ProvidedContext {
    emulatorUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const emulator = await startEmulator({
    onInstall: () => console.log('Installing MiniStack into .emulator/ (once, half a minute) ...'),
  });
  project.provide('emulatorUrl', emulator.url);
  return () => emulator.close();
}
