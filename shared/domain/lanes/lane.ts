/** Ways to run a request, in the order a planner tries them when time runs short. */

/** Every lane, dearest and quickest first. */
export const LANES = ['live', 'flex', 'native'] as const;

/** `live`: the ordinary API; `flex`: the discounted synchronous tier; `native`: the batch API. */
export type Lane = (typeof LANES)[number];
