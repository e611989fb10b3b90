import type { NativeJob } from '../domain/native/native-job.ts';

/** The jobs of a home. */
export interface NativeJobStore {
  /** Records a new job, at version 0; false when there is one of that id already. Durable on return. */
  create(job: NativeJob): Promise<boolean>;
  get(id: string): Promise<NativeJob | null>;
  /**
   * Replaces the job if it still has the version `job.version`; what is stored has the next.
   * False when somebody else wrote first. Durable on return.
   */
  update(job: NativeJob): Promise<boolean>;
  /**
   * Jobs that somebody has to look at by then, soonest first. Costs what it returns, however many
   * jobs have ended. May not see a write of the last second.
   */
  due(nowMs: number, limit: number): Promise<NativeJob[]>;
  /**
   * Jobs to which rows are bound (`isOpenJob`), soonest due first. Costs what it returns: those
   * that only keep files for a day are many. May not see a write of the last second.
   */
  open(): Promise<NativeJob[]>;
  /** Jobs that are not `done`, soonest due first. May not see a write of the last second. */
  unfinished(): Promise<NativeJob[]>;
}
