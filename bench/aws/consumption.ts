/** Write units, messages, objects and dollars for bulk and single requests. */

import { asCount, atMost, type Goal } from '../goals.ts';
import type { BenchContext, FigureTable } from '../scenario.ts';
import { costPerMillion, costTable } from './cost.ts';
import { type Counted, countCalls } from './counted-calls.ts';

const MOST_WRITE_UNITS = 1.2;
const MOST_QUEUE_CALLS = 0.1;
const MOST_OBJECT_PUTS = 0.02;
const MOST_BULK_USD = 4;

const asShare = (value: number): string => value.toFixed(4);
const asUsd = (value: number): string => `$${value.toFixed(2)}`;

export interface Consumption {
  readonly tables: readonly FigureTable[];
  readonly goals: readonly Goal[];
  readonly counted: readonly Counted[];
}

export async function measureConsumption(context: BenchContext): Promise<Consumption> {
  const size = context.isQuick ? 10 : 1;
  context.say('Counting what requests take of DynamoDB, SQS and S3');
  const bulk = await countCalls(context, {
    name: 'bulk, 2,000 lines to a call',
    requests: 100_000 / size,
    perCall: 2_000,
  });
  const keyed = await countCalls(context, {
    name: 'bulk, each line with a key of its own',
    requests: 10_000 / size,
    perCall: 1_000,
    isKeyed: true,
  });
  const single = await countCalls(context, {
    name: 'one to a call',
    requests: 2_000 / size,
    perCall: 1,
  });
  const counted = [bulk, keyed, single];
  const bulkCost = costPerMillion(bulk, true);
  const singleCost = costPerMillion(single, false);
  const where = `${asCount(bulk.requests)} bulk requests`;
  const bound = (most: number, what: string, total: number): Goal =>
    atMost(most, { where, what, value: total / bulk.requests, format: asShare });
  return {
    counted,
    tables: [
      consumptionTable(counted),
      costTable('bulk', bulk, bulkCost),
      costTable('one to a call', single, singleCost),
    ],
    goals: [
      bound(MOST_WRITE_UNITS, 'DynamoDB write units a request', bulk.writeUnits),
      bound(MOST_QUEUE_CALLS, 'SQS calls a request', bulk.queueCalls),
      bound(MOST_OBJECT_PUTS, 'S3 puts a request', bulk.objectPuts),
      atMost(MOST_BULK_USD, {
        where,
        what: 'AWS cost of a million',
        value: bulkCost.totalUsd,
        format: asUsd,
      }),
    ],
  };
}

function consumptionTable(counted: readonly Counted[]): FigureTable {
  const each = ({ requests }: Counted, total: number): string => (total / requests).toFixed(4);
  return {
    title: 'What a request takes of AWS',
    setting:
      "Counted from the calls of the real handlers and adapters: the SDK's clients serialise, sign and parse, and DynamoDB, S3 and SQS are answered in this process, which keeps items and charges as AWS does (refused conditions, transactions and index entries included). Event source: window 5 s, 100 messages, 8 functions at once. The provider answers at once.",
    header: [
      '',
      'requests',
      'write units',
      'read units',
      'SQS calls',
      'S3 puts and lists',
      'S3 gets',
      'API ms',
      'dispatch CPU ms',
    ],
    rows: counted.map((run) => [
      run.name,
      asCount(run.requests),
      each(run, run.writeUnits),
      each(run, run.readUnits),
      each(run, run.queueCalls),
      each(run, run.objectPuts),
      each(run, run.objectGets),
      each(run, run.apiMs),
      each(run, run.dispatchCpuMs),
    ]),
  };
}
