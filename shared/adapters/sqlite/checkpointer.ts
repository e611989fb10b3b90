import { Worker } from 'node:worker_threads';

/** Row changes after which the log is copied into the database. */
const CHANGES_PER_CHECKPOINT = 10_000;

/** Log length past which the writer itself completes a checkpoint (some 20 ms). Unit: pages of 4 KiB. */
const LONGEST_LOG_PAGES = 16_384;

/**
 * The thread's program, as text: a file of its own would have to be found again by every bundler
 * and runtime. It answers each message with the pages in the log, all of them copied.
 */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const { DatabaseSync } = require('node:sqlite');
const connection = new DatabaseSync(workerData, { timeout: 5000 });
const checkpoint = connection.prepare('PRAGMA wal_checkpoint(PASSIVE)');
parentPort.on('message', (isLast) => {
  if (isLast) {
    connection.close();
    parentPort.close();
    return;
  }
  parentPort.postMessage(checkpoint.get().log);
});
`;

/**
 * Copies the write-ahead log into the database on a thread of its own. Done by the writer, as
 * SQLite does by default, it stops the event loop for 100 ms and more on a slow disk.
 */
export class Checkpointer {
  readonly #path: string;
  readonly #completeHere: () => void;
  readonly #giveUp: () => void;
  #worker: Worker | null = null;
  #isBusy = false;
  #changesDone = 0;

  /**
   * `completeHere` copies what was written meanwhile on the writer's own connection: only then
   * does the log start over. `giveUp` turns SQLite's own checkpoints on.
   */
  constructor(path: string, completeHere: () => void, giveUp: () => void) {
    this.#path = path;
    this.#completeHere = completeHere;
    this.#giveUp = giveUp;
  }

  /** Tells how many rows the connection has changed in all; call after each transaction. */
  noteChanges(total: number): void {
    if (this.#isBusy || total - this.#changesDone < CHANGES_PER_CHECKPOINT) return;
    this.#isBusy = true;
    this.#changesDone = total;
    this.#worker ??= this.#start();
    this.#worker.postMessage(false);
  }

  #start(): Worker {
    // Flags of the process, such as how it reads a program given as text, are not for this one.
    const worker = new Worker(PROGRAM, { eval: true, execArgv: [], workerData: this.#path });
    // Neither a checkpoint under way nor an idle thread may keep a finished process alive.
    worker.unref();
    worker.on('message', (logPages: number) => {
      this.#isBusy = false;
      if (logPages <= LONGEST_LOG_PAGES) return;
      try {
        this.#completeHere();
      } catch {
        // Nothing is lost, the log only stays long. A full disk shows at the next commit.
      }
    });
    worker.on('error', () => {
      // Stays busy, so that no further work goes to a dead thread.
      this.#worker = null;
      this.#giveUp();
    });
    return worker;
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    if (!worker) return;
    worker.ref();
    worker.postMessage(true);
    await new Promise((resolve) => worker.once('exit', resolve));
  }
}
