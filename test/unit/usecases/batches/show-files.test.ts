import { expect, it } from 'vitest';
import { openDatabase } from '../../../../shared/adapters/sqlite/database.ts';
import { createSqliteStores } from '../../../../shared/adapters/sqlite/stores.ts';
import { createShowFiles } from '../../../../shared/usecases/batches/show-files.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { makeBatch } from '../../../support/make-batch.ts';

const NONE = { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0, expired: 0 };

it('takes back nothing that somebody faster has shown or closed', async () => {
  const { batches, files } = createSqliteStores(openDatabase(':memory:'));
  const showFiles = createShowFiles({ batches, files, clock: new FakeClock() });
  const seen = makeBatch({ status: 'in_progress' });
  await batches.create(seen);
  const failedToo = { ...NONE, succeeded: 1, failed: 1 };
  const shown = await showFiles(seen, failedToo);
  expect([shown.hasOutput, shown.hasErrors]).toEqual([true, true]);
  const output = await files.getFile(seen.tenant, seen.outputFileId);
  if (output === null) throw new Error('No output was shown');
  await files.putFile({ ...output, bytes: 7, expiresAtMs: 9 });
  await batches.update({ ...shown, status: 'completed', version: shown.version + 1 });

  // Whoever looks with an older record and older counts.
  const late = await showFiles(seen, { ...NONE, succeeded: 1, running: 1 });
  expect(late).toMatchObject({ status: 'completed', hasOutput: true, hasErrors: true });
  expect(await batches.get(seen.tenant, seen.id)).toEqual(late);
  expect(await files.getFile(seen.tenant, seen.outputFileId)).toMatchObject({
    bytes: 7,
    expiresAtMs: 9,
  });
});
