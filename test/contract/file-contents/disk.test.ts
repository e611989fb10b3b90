import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiskFileContents } from '../../../shared/adapters/disk/file-contents.ts';
import { defineFileContentsContract } from './suite.ts';

defineFileContentsContract(
  'disk',
  async () => new DiskFileContents(await mkdtemp(join(tmpdir(), 'penstock-contents-'))),
);
