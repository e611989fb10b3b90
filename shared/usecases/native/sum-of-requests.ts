import type { LeasedRequest } from '../../domain/requests/request.ts';

/** What requests come to together, with the earliest of their deadlines. */
export function sumOf(group: readonly LeasedRequest[]) {
  const sum = {
    requests: group.length,
    inputTokens: 0,
    maxOutputTokens: 0,
    deadlineAtMs: Number.POSITIVE_INFINITY,
  };
  for (const { inputTokens, maxOutputTokens, deadlineAtMs } of group) {
    sum.inputTokens += inputTokens;
    sum.maxOutputTokens += maxOutputTokens;
    sum.deadlineAtMs = Math.min(sum.deadlineAtMs, deadlineAtMs ?? Number.POSITIVE_INFINITY);
  }
  return sum;
}
