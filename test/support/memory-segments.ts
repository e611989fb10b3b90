import type { PayloadPointer } from '../../shared/domain/requests/request.ts';
import type { PayloadStore, ResultLog } from '../../shared/ports/payload-store.ts';

/** Bodies and results in one list in memory. */
export class MemorySegments {
  readonly lines: Uint8Array[] = [];

  readonly payloads: PayloadStore = {
    append: async (_tenant, lines) => lines.map((line) => this.keep(line)),
    read: async (pointers) => pointers.map(({ offset }) => this.lineAt(offset)),
  };

  readonly results: ResultLog = { append: async (_tenant, line) => this.keep(line) };

  private keep(line: Uint8Array): PayloadPointer {
    this.lines.push(line);
    return { segment: 'memory', offset: this.lines.length - 1, length: line.length };
  }

  private lineAt(offset: number): Uint8Array {
    const line = this.lines[offset];
    if (line === undefined) throw new Error(`No line ${offset} was kept`);
    return line;
  }
}
