/** How large a request is: what of a body is counted, and what has to be estimated. */

/** Size of one request before it runs. */
export interface RequestEstimate {
  /** Unit: tokens. */
  readonly inputTokens: number;
  /** Most the answer may hold, all choices together; `null` where nothing bounds it. Unit: tokens. */
  readonly maxOutputTokens: number | null;
  /** Whether `inputTokens` was counted with the model's own vocabulary and nothing was guessed. */
  readonly exact: boolean;
  /** What was estimated or assumed, one sentence each. */
  readonly notes: readonly string[];
}
