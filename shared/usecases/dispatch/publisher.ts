/**
 * From an answer to its one published result.
 *
 * A line goes to the result log the moment it exists. Lines that are durable are then committed in
 * groups: while one group is being written the next gathers, so that a busy engine writes few
 * large groups and a quiet one answers at once, with no timer in between.
 */

import { encodeResultLine, type ResultLineContent } from '../../contracts/result-line.ts';
import type { RequestOutcome } from '../../domain/requests/request.ts';
import type { ResultLog } from '../../ports/payload-store.ts';
import type { WorkStore } from '../../ports/request-store.ts';
import type { PublishedResult } from '../dispatch-progress.ts';

interface Pending {
  readonly published: PublishedResult;
  readonly done: (isPublished: boolean) => void;
  readonly failed: (error: unknown) => void;
}

export class Publisher {
  private readonly results: ResultLog;
  private readonly work: WorkStore;
  private readonly onPublished: (results: readonly PublishedResult[]) => void;
  private pending: Pending[] = [];
  private isCommitting = false;

  constructor(
    results: ResultLog,
    work: WorkStore,
    onPublished: (results: readonly PublishedResult[]) => void,
  ) {
    this.results = results;
    this.work = work;
    this.onPublished = onPublished;
  }

  /**
   * Resolves once the outcome is published (true), or dropped because another stands (false).
   * Rejects when it could not be made durable; the request is then still open in the ledger.
   */
  async publish(content: ResultLineContent): Promise<boolean> {
    const line = Buffer.from(encodeResultLine(content));
    const result = await this.results.append(content.outcome.tenant, line);
    const outcome: RequestOutcome = { ...content.outcome, result };
    return new Promise((done, failed) => {
      const published = { outcome, customId: content.customId, line };
      this.pending.push({ published, done, failed });
      if (!this.isCommitting) void this.commitAll();
    });
  }

  private async commitAll(): Promise<void> {
    this.isCommitting = true;
    // Lets the other answers of this turn join the group.
    await Promise.resolve();
    while (this.pending.length > 0) {
      const group = this.pending;
      this.pending = [];
      try {
        await this.commitGroup(group);
      } catch (error) {
        for (const { failed } of group) failed(error);
      }
    }
    this.isCommitting = false;
  }

  private async commitGroup(group: readonly Pending[]): Promise<void> {
    const flags = await this.work.commit(group.map(({ published }) => published.outcome));
    const published = group.filter((_, index) => flags[index] === true);
    if (published.length > 0) this.onPublished(published.map((entry) => entry.published));
    group.forEach(({ done }, index) => {
      done(flags[index] === true);
    });
  }
}
