import { QueryCommand, type QueryCommandOutput } from '@aws-sdk/lib-dynamodb';
import { SERVICE, type TableAccess } from './table-access.ts';

/** An item as the document client gives it. */
export type Item = NonNullable<QueryCommandOutput['Items']>[number];

/** All items of a partition, in the order of their sort keys; each read shows every write before it. */
export async function* readPartition(table: TableAccess, pk: string): AsyncGenerator<Item> {
  let start: Item | undefined;
  do {
    const query = new QueryCommand({
      TableName: table.name,
      ConsistentRead: true,
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': pk },
      ExclusiveStartKey: start,
    });
    const page = await table.callAws(SERVICE, () => table.client.send(query));
    yield* page.Items ?? [];
    start = page.LastEvaluatedKey;
  } while (start !== undefined);
}
