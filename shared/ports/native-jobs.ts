/** A provider's batch job that has not ended. */
export interface NativeJob {
  readonly provider: string;
  /** The provider's own name for it. */
  readonly id: string;
}

/** The batch jobs a deployment has handed to providers. */
export interface NativeJobs {
  open(): Promise<readonly NativeJob[]>;
  /** Looks at the job once, and takes in what it has finished. True once it has ended. */
  poll(job: NativeJob): Promise<boolean>;
}
