import type { PayloadPointer } from '../../domain/requests/request.ts';
import type { CommitMarkStore } from '../../ports/result-log-reader.ts';
import { number, text } from './columns.ts';
import type { Database } from './database.ts';

const READ_MARKS = 'SELECT segment, upto FROM commit_marks';
const WRITE_MARK = `
  INSERT INTO commit_marks (segment, upto) VALUES (?, ?)
  ON CONFLICT DO UPDATE SET upto = max(upto, excluded.upto)`;

/**
 * One segment's committed bytes: all before the mark, and islands beyond it, kept by both ends so
 * that neighbours merge at once. Memory grows with the gaps, not with the lines.
 */
interface Coverage {
  mark: number;
  readonly islandsByStart: Map<number, number>;
  readonly islandsByEnd: Map<number, number>;
}

/**
 * Remembers, per result segment, up to where every line has been committed. Commits arrive out of
 * order; a mark moves only over lines without a gap, so what lies before it needs no second look
 * after a crash. The marks on disk may lag by one transaction: then a few lines are read again.
 */
export class SqliteCommitMarks implements CommitMarkStore {
  readonly #database: Database;
  readonly #coverage: Map<string, Coverage>;
  readonly #unsaved = new Set<string>();

  constructor(database: Database) {
    this.#database = database;
    this.#coverage = new Map(
      database
        .statement(READ_MARKS)
        .all()
        .map((row) => [text(row[0]), startingAt(number(row[1]))]),
    );
  }

  async marks(): Promise<ReadonlyMap<string, number>> {
    return new Map([...this.#coverage].map(([segment, { mark }]) => [segment, mark]));
  }

  async advance(segment: string, offset: number): Promise<void> {
    const coverage = this.#coverageOf(segment);
    if (offset <= coverage.mark) return;
    cover(coverage, coverage.mark, offset);
    this.#unsaved.add(segment);
    this.#database.transaction(() => this.save());
  }

  /** Takes in lines whose commit stands. */
  add(results: readonly PayloadPointer[]): void {
    for (const { segment, offset, length } of results) {
      const coverage = this.#coverageOf(segment);
      const mark = coverage.mark;
      cover(coverage, offset, offset + length + 1);
      if (coverage.mark !== mark) this.#unsaved.add(segment);
    }
  }

  /** Writes what moved since the last save; part of a transaction of the caller's. */
  save(): void {
    for (const segment of this.#unsaved) {
      this.#database.statement(WRITE_MARK).run(segment, this.#coverageOf(segment).mark);
    }
    this.#unsaved.clear();
  }

  #coverageOf(segment: string): Coverage {
    let coverage = this.#coverage.get(segment);
    if (!coverage) {
      coverage = startingAt(0);
      this.#coverage.set(segment, coverage);
    }
    return coverage;
  }
}

function startingAt(mark: number): Coverage {
  return { mark, islandsByStart: new Map(), islandsByEnd: new Map() };
}

function cover(coverage: Coverage, start: number, end: number): void {
  const { islandsByStart, islandsByEnd } = coverage;
  if (end <= coverage.mark) return;
  const from = islandsByEnd.get(start) ?? start;
  const to = islandsByStart.get(end) ?? end;
  islandsByEnd.delete(start);
  islandsByStart.delete(end);
  if (from <= coverage.mark) {
    coverage.mark = to;
    islandsByEnd.delete(to);
    return;
  }
  islandsByStart.set(from, to);
  islandsByEnd.set(to, from);
}
