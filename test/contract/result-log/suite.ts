import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PayloadPointer } from '../../../shared/domain/requests/request.ts';
import type { PayloadStore, ResultLog } from '../../../shared/ports/payload-store.ts';
import type { LoggedResult, ResultLogReader } from '../../../shared/ports/result-log-reader.ts';

export interface ResultLogUnderTest {
  readonly log: ResultLog;
  /** Reads results by pointer. */
  readonly payloads: Pick<PayloadStore, 'read'>;
  /** The log as the next owner finds it, should the process have been killed at this instant. */
  reader(): ResultLogReader;
  close(): Promise<void>;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (line: Uint8Array) => new TextDecoder().decode(line);
const placeOf = ({ segment, offset }: PayloadPointer) => `${segment}@${offset}`;

async function collect(lines: AsyncIterable<LoggedResult>): Promise<LoggedResult[]> {
  const collected: LoggedResult[] = [];
  for await (const line of lines) collected.push(line);
  return collected;
}

/** What every ResultLog and its reader must do. Each log is made empty. */
export function defineResultLogContract(
  name: string,
  makeLog: () => Promise<ResultLogUnderTest>,
): void {
  describe(`ResultLog on ${name}`, () => {
    let under: ResultLogUnderTest;

    beforeEach(async () => {
      under = await makeLog();
    });
    afterEach(() => under.close());

    const appendAll = (tenant: string, lines: readonly string[]) =>
      Promise.all(lines.map((line) => under.log.append(tenant, bytes(line))));

    it('has nothing to tell of a log without lines', async () => {
      expect(await collect(under.reader().tail(new Map()))).toEqual([]);
    });

    it('shows a line to the next owner as soon as its append has resolved', async () => {
      const pointer = await under.log.append('tenant-a', bytes('{"n":"ünï 🙂"}'));
      const [logged, ...rest] = await collect(under.reader().tail(new Map()));
      expect(rest).toEqual([]);
      expect(logged?.pointer).toEqual(pointer);
      expect(text(logged?.line ?? bytes(''))).toBe('{"n":"ünï 🙂"}');
    });

    it.each([
      ['small', 10, 1],
      ['large', 40, 2_000],
    ])('keeps every %s line of every tenant where its pointer says', async (_, count, repeats) => {
      const wanted = new Map<string, string>();
      for (const round of [0, 1, 2]) {
        for (const tenant of ['tenant-a', 'tenant/b.#']) {
          const lines = Array.from({ length: count }, (__, index) =>
            `${tenant} ${round} ${index} `.repeat(repeats),
          );
          const pointers = await appendAll(tenant, lines);
          const read = await under.payloads.read(pointers);
          expect(read.map(text)).toEqual(lines);
          for (const [index, pointer] of pointers.entries()) {
            wanted.set(placeOf(pointer), lines[index] ?? '');
          }
        }
      }
      const logged = await collect(under.reader().tail(new Map()));
      expect(logged).toHaveLength(6 * count);
      expect(new Map(logged.map(({ line, pointer }) => [placeOf(pointer), text(line)]))).toEqual(
        wanted,
      );
    });

    it('tells a tenant’s lines segment by segment, in the order written', async () => {
      for (let index = 0; index < 4; index += 1) {
        await appendAll('tenant-a', [`${index}`, `${index} again`]);
      }
      const logged = await collect(under.reader().tail(new Map()));
      const firsts = logged.map(({ line }) => text(line)).filter((line) => line.length === 1);
      expect(firsts).toEqual(['0', '1', '2', '3']);
      const segments = logged.map(({ pointer }) => pointer.segment);
      const changes = segments.filter((segment, index) => segment !== segments[index - 1]);
      expect(changes).toEqual([...new Set(segments)]);
    });

    it('begins behind the marks', async () => {
      await appendAll(
        'tenant-a',
        ['one', 'two', 'three'].map((line) => line.repeat(3_000)),
      );
      await appendAll('tenant-a', ['four', 'five']);
      const all = await collect(under.reader().tail(new Map()));
      expect(all).toHaveLength(5);
      const marks = new Map<string, number>();
      for (const [index, { pointer }] of all.entries()) {
        marks.set(pointer.segment, pointer.offset + pointer.length + 1);
        const rest = await collect(under.reader().tail(marks));
        expect(rest.map((each) => placeOf(each.pointer))).toEqual(
          all.slice(index + 1).map((each) => placeOf(each.pointer)),
        );
      }
    });

    it('refuses a line that would end early', async () => {
      await expect(under.log.append('tenant-a', bytes('two\nlines'))).rejects.toMatchObject({
        code: 'internal',
      });
      await under.log.append('tenant-a', bytes('one line'));
      expect(await collect(under.reader().tail(new Map()))).toHaveLength(1);
    });
  });
}
