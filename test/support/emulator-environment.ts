/** Points the AWS clients of a test file at the emulator, as the stacks point functions at AWS. */

import { inject } from 'vitest';
import { emulatorEnvironment } from '../../scripts/emulator/start-emulator.ts';

Object.assign(process.env, emulatorEnvironment(inject('emulatorUrl')));
