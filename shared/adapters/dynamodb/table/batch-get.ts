import { BatchGetCommand } from '@aws-sdk/lib-dynamodb';
import { throttled } from '../../aws/call-aws.ts';
import type { Item } from './read-partition.ts';
import { SERVICE, type TableAccess } from './table-access.ts';

/** Most items of one BatchGetItem. */
export const MOST_GETS = 100;
/** Rounds of asking for what DynamoDB left out. */
const MOST_ROUNDS = 12;
/** Mean wait before the second round; doubles with each. Unit: ms. */
const ROUND_DELAY_MS = 10;
/** Unit: ms. */
const LONGEST_ROUND_DELAY_MS = 2_000;

/**
 * The items of those keys that exist, in no particular order, each as the last write left it.
 * At most `MOST_GETS` keys.
 *
 * @throws {AppError} `capacity_exhausted` when DynamoDB goes on leaving some out.
 */
export async function batchGet(
  table: TableAccess,
  keys: readonly { readonly pk: string; readonly sk: string }[],
): Promise<Item[]> {
  const items: Item[] = [];
  let open: Item[] = keys.map((key) => ({ ...key }));
  for (let round = 0; open.length > 0; round += 1) {
    if (round === MOST_ROUNDS) throw throttled(SERVICE);
    if (round > 0) {
      const meanMs = ROUND_DELAY_MS * 2 ** (round - 1);
      const delayMs = Math.min(LONGEST_ROUND_DELAY_MS, 2 * meanMs * table.random.next());
      await table.clock.sleep(delayMs);
    }
    const get = new BatchGetCommand({
      RequestItems: { [table.name]: { Keys: open, ConsistentRead: true } },
    });
    const { Responses: responses, UnprocessedKeys: rest } = await table.callAws(SERVICE, () =>
      table.client.send(get),
    );
    items.push(...(responses?.[table.name] ?? []));
    open = rest?.[table.name]?.Keys ?? [];
  }
  return items;
}
