import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFile,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskResultLog } from '../../../../shared/adapters/disk/result-log.ts';
import type { PayloadPointer } from '../../../../shared/domain/requests/request.ts';

const LOG_MODULE = new URL('../../../../shared/adapters/disk/result-log.ts', import.meta.url).href;
const FIRST = 'results-000001.jsonl';
const SECOND = 'results-000002.jsonl';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'penstock-log-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function readTail(log: DiskResultLog, marks: ReadonlyMap<string, number> = new Map()) {
  const entries: { text: string; pointer: PayloadPointer }[] = [];
  for await (const { line, pointer } of log.tail(marks)) {
    entries.push({ text: Buffer.from(line).toString(), pointer });
  }
  return entries;
}

describe('append', () => {
  it('is on disk when it resolves, one whole line behind the other', async () => {
    const log = new DiskResultLog({ directory });
    const lines = Array.from({ length: 50 }, (_, index) => JSON.stringify({ index, ä: '„' }));
    const pointers = await Promise.all(
      lines.map((line) => log.append('tenant-a', Buffer.from(line))),
    );
    const stored = await readFile(join(directory, FIRST));
    expect(stored.toString()).toBe(`${lines.join('\n')}\n`);
    for (const [index, { segment, offset, length }] of pointers.entries()) {
      expect(segment).toBe(FIRST);
      expect(stored.subarray(offset, offset + length).toString()).toBe(lines[index]);
    }
    await log.close();
  });

  it('hands lines to the operating system within the turn that brought them', async () => {
    const log = new DiskResultLog({ directory });
    const appended = log.append('tenant-a', Buffer.from('answer'));
    await new Promise((resolve) => setImmediate(resolve));
    expect((await stat(join(directory, FIRST))).size).toBe('answer\n'.length);
    await appended;
    await log.close();
  });

  it('goes on in the next segment before one grows too large', async () => {
    const log = new DiskResultLog({ directory, maxSegmentBytes: 100 });
    const lines = [60, 39, 1, 150, 20].map((length) => 'x'.repeat(length));
    const pointers = await Promise.all(
      lines.map((line) => log.append('tenant-a', Buffer.from(line))),
    );
    expect(pointers.map(({ segment, offset }) => [segment, offset])).toEqual([
      [FIRST, 0],
      [SECOND, 0],
      [SECOND, 40],
      ['results-000003.jsonl', 0],
      ['results-000004.jsonl', 0],
    ]);
    expect((await readTail(log)).map((entry) => entry.text)).toEqual(lines);
    await log.close();
  });

  it('refuses a line break, which would end a line early', async () => {
    const log = new DiskResultLog({ directory });
    await expect(log.append('tenant-a', Buffer.from('{"a":\n1}'))).rejects.toMatchObject({
      code: 'internal',
    });
    await log.close();
    expect((await stat(join(directory, FIRST))).size).toBe(0);
  });
});

describe('opening', () => {
  it.each([
    ['half a line', '{"whole":1}\n{"half":', '{"whole":1}\n'],
    ['half a line alone', '{"half":', ''],
    ['nothing to cut', '{"whole":1}\n', '{"whole":1}\n'],
    ['a long half line', `{"whole":1}\n${'x'.repeat(200_000)}`, '{"whole":1}\n'],
  ])('cuts off %s and appends behind it', async (_, found, kept) => {
    await writeFile(join(directory, FIRST), found);
    const log = new DiskResultLog({ directory });
    const pointer = await log.append('tenant-a', Buffer.from('next'));
    expect(pointer).toEqual({ segment: FIRST, offset: kept.length, length: 4 });
    expect(await readFile(join(directory, FIRST), 'utf8')).toBe(`${kept}next\n`);
    await log.close();
  });

  it('goes on in the newest segment and leaves other files alone', async () => {
    await writeFile(join(directory, FIRST), 'one\n');
    await writeFile(join(directory, SECOND), 'two\n');
    await writeFile(join(directory, 'bodies-000007.jsonl'), 'body');
    await writeFile(join(directory, 'results-000009.jsonl.copy'), 'copy');
    const log = new DiskResultLog({ directory });
    expect(await log.append('tenant-a', Buffer.from('three'))).toMatchObject({
      segment: SECOND,
      offset: 4,
    });
    expect((await readTail(log)).map((entry) => entry.text)).toEqual(['one', 'two', 'three']);
    await log.close();
    expect(await readFile(join(directory, 'bodies-000007.jsonl'), 'utf8')).toBe('body');
  });
});

describe('tail', () => {
  it('begins at the marks and passes over half a line', async () => {
    const log = new DiskResultLog({ directory, maxSegmentBytes: 30 });
    await Promise.all(['first', 'second', 'third', 'fourth', 'fifth', 'sixth'].map(append(log)));
    const marks = new Map([
      [FIRST, 'first\nsecond\n'.length],
      [SECOND, 0],
    ]);
    await appendFile(join(directory, SECOND), 'half');
    expect((await readTail(log, marks)).map((entry) => entry.text)).toEqual([
      'third',
      'fourth',
      'fifth',
      'sixth',
    ]);
    await truncate(join(directory, SECOND), 0);
    await log.close();
  });

  it('gives each line with the pointer its append gave, however long lines are', async () => {
    const lengths = fc.array(fc.oneof(fc.nat({ max: 50 }), fc.constant(1_100_000)), {
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(lengths, async (wanted) => {
        const own = await mkdtemp(join(directory, 'run-'));
        const log = new DiskResultLog({ directory: own, maxSegmentBytes: 2_500_000 });
        const lines = wanted.map((length, index) => `${index % 10}`.repeat(length));
        const pointers = await Promise.all(lines.map(append(log)));
        const entries = await readTail(log);
        expect(entries.map(({ pointer }) => pointer)).toEqual(pointers);
        expect(entries.every((entry, index) => entry.text === lines[index])).toBe(true);
        await log.close();
      }),
      { numRuns: 15 },
    );
  });
});

describe('a full disk', () => {
  it('is named with path, space and remedy; nothing is kept, and writing goes on elsewhere', async () => {
    // A device that is always full stands in for the segment.
    await symlink('/dev/full', join(directory, FIRST));
    const log = new DiskResultLog({ directory });
    await expect(Promise.all(['one', 'two'].map(append(log)))).rejects.toMatchObject({
      code: 'storage_full',
      message: expect.stringMatching(/results-000001\.jsonl \(\d+ MiB free\)\. Free space/),
      details: { path: join(directory, FIRST), freeBytes: expect.any(Number) },
    });
    expect(await log.append('tenant-a', Buffer.from('three'))).toMatchObject({
      segment: SECOND,
      offset: 0,
    });
    await log.close();
  });

  it('leaves no part of a write that did not fit, and takes lines that still do', async () => {
    // The limit on file size makes the system write a part and refuse the rest, as a disk does.
    const program = `
      process.on('SIGXFSZ', () => undefined);
      const { DiskResultLog } = await import(${JSON.stringify(LOG_MODULE)});
      const log = new DiskResultLog({ directory: ${JSON.stringify(directory)} });
      const line = (name, length) => Buffer.from(name.repeat(length));
      const first = await log.append('tenant-a', line('a', 3000));
      const large = await Promise.allSettled([log.append('tenant-a', line('b', 3000)), log.append('tenant-a', line('c', 3000))]);
      const small = await log.append('tenant-a', line('d', 1000));
      await log.close();
      console.log(JSON.stringify({ first, large: large.map(({ reason }) => reason?.code), small }));`;
    const child = spawn(
      'bash',
      [
        '-c',
        'ulimit -f 8 && exec "$0" "$@"',
        process.execPath,
        '--input-type=module',
        '--eval',
        program,
      ],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const [output] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    expect(JSON.parse(output)).toEqual({
      first: { segment: FIRST, offset: 0, length: 3_000 },
      large: ['storage_full', 'storage_full'],
      small: { segment: FIRST, offset: 3_001, length: 1_000 },
    });
    const stored = await readFile(join(directory, FIRST), 'utf8');
    expect(stored).toBe(`${'a'.repeat(3_000)}\n${'d'.repeat(1_000)}\n`);
    expect(await readdir(directory)).toEqual([FIRST]);
  });
});

function append(log: DiskResultLog) {
  return (line: string) => log.append('tenant-a', Buffer.from(line));
}
