/** What a million requests cost on AWS: counted calls, dated list prices, and stated assumptions. */

import { AWS_PRICES as PRICES } from '../aws-prices.ts';
import { asCount } from '../goals.ts';
import type { FigureTable } from '../scenario.ts';
import type { Counted } from './counted-calls.ts';

const MILLION = 1_000_000;
const GIGABYTE = 1e9;

/** Where it cannot be counted here. Sizes are those of the facts on performance, section 7. */
const ASSUMED = {
  requestBytes: 6_500,
  answerBytes: 1_000,
  /** What API Gateway and Lambda carry of a body at once. */
  bodyBytesPerCall: 4_400_000,
  /** Provider's time for an answer; a function that waits is paid for. Unit: s. */
  answerSeconds: 0.9,
  /** Calls in flight in each function while it waits: some 110 requests a second. */
  inFlight: 100,
  dispatchGigabytes: 1.769,
  apiGigabytes: 1.769,
  authorizerGigabytes: 0.5,
  authorizerSeconds: 0.01,
  logBytes: 200,
  retentionMonths: 1,
} as const;

export interface Cost {
  readonly totalUsd: number;
  readonly rows: readonly CostRow[];
}

export interface CostRow {
  readonly item: string;
  readonly quantity: string;
  readonly price: string;
  readonly usd: number;
}

/** Of a million requests like those counted. `isBulk`: as many to a call as a body carries. */
export function costPerMillion(counted: Counted, isBulk: boolean): Cost {
  const scale = MILLION / counted.requests;
  const perCall = isBulk ? Math.floor(ASSUMED.bodyBytesPerCall / ASSUMED.requestBytes) : 1;
  const apiCalls = Math.ceil(MILLION / perCall);
  // Time grows with bytes where there are many; each call of one is what it was.
  const apiSeconds = (counted.apiMs / 1_000) * scale;
  const cpuSeconds = (counted.dispatchCpuMs / 1_000) * scale;
  const waitSeconds = (MILLION * ASSUMED.answerSeconds) / ASSUMED.inFlight;
  const dispatchGbs = Math.max(cpuSeconds, waitSeconds) * ASSUMED.dispatchGigabytes;
  const invocations = apiCalls + apiCalls + counted.dispatches * scale;
  const stored = ((ASSUMED.requestBytes + ASSUMED.answerBytes) * MILLION) / GIGABYTE;
  const tableGb = (counted.tableBytes * scale) / GIGABYTE;
  const months = ASSUMED.retentionMonths;
  const rows = [
    row('API Gateway', apiCalls / MILLION, PRICES.apiCalls),
    row(
      'Lambda: invocations (authorizer, API, dispatch)',
      invocations / MILLION,
      PRICES.invocations,
    ),
    row(
      'Lambda: authorizer and API',
      apiSeconds * ASSUMED.apiGigabytes +
        apiCalls * ASSUMED.authorizerSeconds * ASSUMED.authorizerGigabytes,
      PRICES.gigabyteSeconds,
    ),
    row('Lambda: dispatch', dispatchGbs, PRICES.gigabyteSeconds),
    row('SQS', (counted.queueCalls * scale) / MILLION, PRICES.queueCalls),
    row('DynamoDB: writes', (counted.writeUnits * scale) / MILLION, PRICES.writeUnits),
    row(
      'DynamoDB: reads',
      (counted.readUnits * scale + apiCalls * 0.5) / MILLION,
      PRICES.readUnits,
    ),
    row('DynamoDB: storage', tableGb * months, PRICES.tableStorage),
    row('DynamoDB: point-in-time recovery', tableGb * months, PRICES.tableBackup),
    row('S3: puts and lists', (counted.objectPuts * scale) / MILLION, PRICES.objectPuts),
    row('S3: gets', (counted.objectGets * scale) / MILLION, PRICES.objectGets),
    row('S3: storage', stored * months, PRICES.objectStorage),
    row('Egress to provider and caller', stored, PRICES.egress),
    row('Logs', (ASSUMED.logBytes * MILLION) / GIGABYTE, PRICES.logs),
  ];
  return { rows, totalUsd: rows.reduce((sum, { usd }) => sum + usd, 0) };
}

export function costTable(name: string, counted: Counted, cost: Cost): FigureTable {
  return {
    title: `AWS cost of a million requests, ${name}`,
    setting: `List prices of ${PRICES.region} as of ${PRICES.readOn} (bench/aws-prices.ts), without free tiers. Units, messages and objects are counted from ${asCount(counted.requests)} requests; request ${ASSUMED.requestBytes / 1_000} KB and answer ${ASSUMED.answerBytes / 1_000} KB, kept for ${ASSUMED.retentionMonths * 30} days; dispatch waits ${ASSUMED.answerSeconds} s for an answer with ${ASSUMED.inFlight} in flight on ${ASSUMED.dispatchGigabytes} GB; ${ASSUMED.logBytes} bytes of log a request. What costs the same whatever is sent (sweeper, alarms, dashboard, secrets) and the provider's own bill are left out, and so is asking for results one by one.`,
    header: ['item', 'quantity', 'price', 'USD'],
    rows: [
      ...cost.rows.map(({ item, quantity, price, usd }) => [item, quantity, price, usd.toFixed(3)]),
      ['total', '', '', cost.totalUsd.toFixed(2)],
    ],
  };
}

function row(
  item: string,
  quantity: number,
  { usd, per }: { readonly usd: number; readonly per: string },
): CostRow {
  return {
    item,
    quantity: quantity.toPrecision(3),
    price: `$${usd} per ${per}`,
    usd: quantity * usd,
  };
}
