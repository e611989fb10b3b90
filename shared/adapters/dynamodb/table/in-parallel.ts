/**
 * Runs `work` for each item, at most `most` at a time, and gives the values index-aligned. After a
 * failure nothing new is begun; it rejects with the first once everything begun has ended, so
 * that nothing goes on behind the caller's back.
 */
export async function inParallel<Item, Value>(
  items: readonly Item[],
  most: number,
  work: (item: Item, index: number) => Promise<Value>,
): Promise<Value[]> {
  const values: Value[] = new Array(items.length);
  const queue = items.entries();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (failures.length > 0) return;
      try {
        values[index] = await work(item, index);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  if (failures.length > 0) throw failures[0];
  return values;
}
