import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PayloadStore } from '../../../shared/ports/payload-store.ts';

export interface PayloadsUnderTest {
  readonly payloads: PayloadStore;
  close(): Promise<void>;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const plain = (lines: readonly Uint8Array[]) => lines.map((line) => new Uint8Array(line));

/** What every PayloadStore must do, whatever it keeps its segments in. */
export function definePayloadStoreContract(
  name: string,
  makeStore: () => Promise<PayloadsUnderTest>,
): void {
  describe(`PayloadStore on ${name}`, () => {
    let store: PayloadsUnderTest;

    beforeEach(async () => {
      store = await makeStore();
    });
    afterEach(() => store.close());

    it('gives back byte for byte what it took', async () => {
      const lines = ['{"a":1}', '', '{"text":"„Grüße“ 🙂\\n"}', 'x'.repeat(1_200_000)].map(bytes);
      const pointers = await store.payloads.append('tenant-a', lines);
      expect(pointers.map(({ length }) => length)).toEqual(lines.map(({ length }) => length));
      expect(plain(await store.payloads.read(pointers))).toEqual(lines);
    });

    it('reads in the order asked for, near and far, once or twice', async () => {
      const lines = Array.from({ length: 400 }, (_, index) => bytes(`${index}`.repeat(700)));
      const pointers = await store.payloads.append('tenant-a', lines);
      const wanted = [399, 0, 7, 7, 250, 3, 1, 0];
      const read = await store.payloads.read(wanted.map((index) => pointers[index] ?? NOWHERE));
      expect(plain(read)).toEqual(wanted.map((index) => lines[index]));
    });

    it('keeps apart what is appended at the same time', async () => {
      const calls = Array.from({ length: 30 }, (_, call) =>
        Array.from({ length: 1 + (call % 4) }, (_unused, line) =>
          bytes(`call ${call} line ${line}`),
        ),
      );
      const pointers = await Promise.all(
        calls.map((lines) => store.payloads.append('tenant-a', lines)),
      );
      for (const [call, lines] of calls.entries()) {
        expect(plain(await store.payloads.read(pointers[call] ?? []))).toEqual(lines);
      }
    });

    it('takes empty lists', async () => {
      expect(await store.payloads.append('tenant-a', [])).toEqual([]);
      expect(await store.payloads.read([])).toEqual([]);
    });

    it('refuses a pointer into a segment that is not there', async () => {
      await expect(store.payloads.read([NOWHERE])).rejects.toMatchObject({
        code: 'file_not_found',
        message: expect.stringContaining('bodies-999999.jsonl'),
      });
    });

    it('refuses a pointer beyond the end of its segment', async () => {
      const [pointer] = await store.payloads.append('tenant-a', [bytes('short')]);
      const beyond = { ...(pointer ?? NOWHERE), length: 5_000 };
      await expect(store.payloads.read([beyond])).rejects.toMatchObject({ code: 'state_conflict' });
    });

    it('gives back any bytes but line breaks', async () => {
      const line = fc
        .uint8Array({ maxLength: 200 })
        .map((array) => array.filter((byte) => byte !== 10));
      await fc.assert(
        fc.asyncProperty(fc.array(line, { maxLength: 20 }), async (lines) => {
          const pointers = await store.payloads.append('tenant-a', lines);
          expect(plain(await store.payloads.read(pointers))).toEqual(lines.map((one) => one));
        }),
        { numRuns: 30 },
      );
    });
  });
}

const NOWHERE = { segment: 'bodies-999999.jsonl', offset: 0, length: 1 };
