import type { Books, RequestRecord } from './books.ts';
import type { Call, Usage } from './call.ts';
import type { ModelRuntime } from './job.ts';
import { costOf, findPrice, type PriceTable } from './prices.ts';

/** Whose work is billed, and in which books. */
interface Work {
  readonly call: Call;
  readonly record: RequestRecord;
  readonly runtime: ModelRuntime;
  readonly books: Books;
}

/** Enters one piece of work into the books. Returns its cost. Unit: millionths of a micro-USD. */
export function bill(
  { call, record, runtime, books }: Work,
  usage: Usage,
  priceFactor: number,
  prices: PriceTable,
): number {
  const { cachedTokens, cacheWrite5mTokens, cacheWrite1hTokens } = usage;
  const tokens = {
    input: usage.promptTokens - cachedTokens - cacheWrite5mTokens - cacheWrite1hTokens,
    cachedInput: cachedTokens,
    cacheWrite5m: cacheWrite5mTokens,
    cacheWrite1h: cacheWrite1hTokens,
    output: usage.outputTokens,
  };
  const price = findPrice(prices, call.model);
  if (price === undefined) books.unpriced += 1;
  const cost = price === undefined ? 0 : costOf(price, tokens) * priceFactor;
  runtime.books.bill(tokens, cost);
  books.bill(record);
  return cost;
}
