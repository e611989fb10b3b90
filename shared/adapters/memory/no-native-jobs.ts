import type { NativeJobs } from '../../ports/native-jobs.ts';

/** A deployment that hands no batch jobs to providers: the native lane does not exist yet. */
export const NO_NATIVE_JOBS: NativeJobs = {
  open: async () => [],
  poll: async ({ provider, id }) => {
    throw new Error(`No job ${id} was handed to ${provider}`);
  },
};
