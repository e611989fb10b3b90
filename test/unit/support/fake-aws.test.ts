/**
 * The AWS in this process, held to what the emulator is held to: the adapters' contracts. What it
 * charges is held to figures counted by hand.
 */

import { DynamoDBClient, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import { AWS_CLIENT_OPTIONS } from '../../../shared/adapters/aws/client-options.ts';
import { DynamoCapacityStore } from '../../../shared/adapters/dynamodb/capacity-store.ts';
import { ModelsSeen } from '../../../shared/adapters/dynamodb/models-seen.ts';
import { systemClock } from '../../../shared/adapters/system/clock.ts';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import { defineCapacityStoreContract } from '../../contract/capacity-store/suite.ts';
import { dynamoStoresOn } from '../../contract/dynamodb-stores.ts';
import { defineRequestListContract } from '../../contract/request-store/list-suite.ts';
import { defineRequestStoreContract } from '../../contract/request-store/suite.ts';
import { defineWorkStoreLifeCycle } from '../../contract/work-store/life-cycle.ts';
import { defineWorkStoreContract } from '../../contract/work-store/suite.ts';
import { openFakeTable } from '../../support/aws-home.ts';
import { FakeAws } from '../../support/fake-aws/fake-aws.ts';
import { itemBytes, readUnits, writeUnits } from '../../support/fake-aws/item-size.ts';

const aws = new FakeAws();
const { client } = openFakeTable({ ...aws, clock: systemClock, random: systemRandom });
const stores = dynamoStoresOn(async () => ({ client, name: 'table' }));

defineRequestStoreContract('the fake', stores);
defineRequestListContract('the fake', stores);
defineWorkStoreContract('the fake', stores);
defineWorkStoreLifeCycle('the fake', stores);
defineCapacityStoreContract('the fake', async () => {
  const open = () => {
    const table = openFakeTable({ ...aws, clock: systemClock, random: systemRandom });
    return new DynamoCapacityStore(table, new ModelsSeen(table));
  };
  return { one: open(), other: open(), close: async () => undefined };
});

describe('what is charged', () => {
  it('follows the sizes of names and values', () => {
    const item = { pk: { S: 'abc' }, n: { N: '1234' }, l: { L: [{ S: 'x' }] }, b: { BOOL: true } };
    expect(itemBytes(item)).toBe(2 + 3 + (1 + 4) + (1 + 3 + 1 + 1) + (1 + 1));
    expect(writeUnits(null, { pk: { S: 'x'.repeat(1_022) } })).toBe(1);
    expect(writeUnits(null, { pk: { S: 'x'.repeat(1_023) } })).toBe(2);
    expect(writeUnits({ pk: { S: 'x'.repeat(2_100) } }, { pk: { S: 'x' } })).toBe(3);
    expect([readUnits(4_096, true), readUnits(4_097, true), readUnits(1, false)]).toEqual([
      1, 2, 0.5,
    ]);
  });

  it('holds a write of each index entry that comes, moves or goes', async () => {
    const { dynamo, clientOptions } = new FakeAws();
    const raw = new DynamoDBClient({ ...AWS_CLIENT_OPTIONS, ...clientOptions });
    const key = { pk: { S: 'p' }, sk: { S: 's' } };
    const units = async (work: Promise<unknown>) => {
      const before = dynamo.units.write;
      await work.catch(() => undefined);
      return dynamo.units.write - before;
    };
    const update = (UpdateExpression: string, condition?: string) =>
      units(
        raw.send(
          new UpdateItemCommand({
            TableName: 't',
            Key: key,
            UpdateExpression,
            ExpressionAttributeValues: { ':v': { S: 'v' } },
            ...(condition === undefined ? {} : { ConditionExpression: condition }),
          }),
        ),
      );
    const indexed = { ...key, gsi1pk: { S: 'open' }, gsi1sk: { S: '1' } };
    expect(await units(raw.send(new PutItemCommand({ TableName: 't', Item: indexed })))).toBe(2);
    expect(await update('SET other = :v')).toBe(1);
    expect(await update('SET gsi1sk = :v')).toBe(3);
    expect(await update('REMOVE gsi1pk SET other = :v')).toBe(2);
    expect(await update('SET other = :v', 'other <> :v')).toBe(1);
  });
});
