import { expect, it } from 'vitest';
import { S3UploadStore } from '../../../shared/adapters/s3/upload-store.ts';
import { systemClock } from '../../../shared/adapters/system/clock.ts';
import { makeObjects } from '../../support/aws-stores.ts';
import { defineUploadStoreContract } from './suite.ts';

const makeStore = async () =>
  new S3UploadStore({ objects: await makeObjects(), clock: systemClock });

defineUploadStoreContract('S3', makeStore);

it('signs the length, and no checksum of a body it has not seen', async () => {
  const { url, headers } = await (await makeStore()).createTarget('tenant-a', 'upload_1', 12_345);
  const { pathname, searchParams } = new URL(url);
  expect(pathname).toMatch(/\/t\/tenant-a\/uploads\/upload_1$/);
  expect(searchParams.get('X-Amz-SignedHeaders')).toBe('content-length;host');
  expect(searchParams.get('X-Amz-Expires')).toBe('900');
  expect([...searchParams.keys()].filter((key) => /checksum/i.test(key))).toEqual([]);
  expect(headers).toEqual({ 'content-length': '12345' });
});
