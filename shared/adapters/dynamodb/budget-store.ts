import { GetCommand, TransactWriteCommand } from '@aws-sdk/lib-dynamodb';
import type { BudgetState } from '../../domain/cost/budget.ts';
import type {
  BudgetAnswer,
  BudgetAsk,
  BudgetSettlement,
  BudgetStore,
} from '../../ports/budget-store.ts';
import { isAwsError } from '../aws/call-aws.ts';
import { settlementChange } from './ledger/budget-actions.ts';
import { budgetKey } from './table/keys.ts';
import { SERVICE, type TableAccess, transactionToken } from './table/table-access.ts';

type Writes = NonNullable<ConstructorParameters<typeof TransactWriteCommand>[0]['TransactItems']>;

const NAMES = { '#held': 'held', '#reserved': 'reserved', '#spent': 'spent' };

/** How long an operation is known: far longer than anything repeats one. Unit: seconds. */
const OPERATION_SECONDS = 7 * 86_400;

/**
 * Budgets in DynamoDB, one item for each tenant and month.
 *
 * | item      | pk                  | sk             | holds                                     |
 * | --------- | ------------------- | -------------- | ----------------------------------------- |
 * | budget    | `T#<tenant>#BUDGET` | `<month>`      | spent, reserved, and held: their sum      |
 * | operation | `T#<tenant>#BUDGET` | `<month>#<op>` | nothing; its being there makes op known   |
 *
 * A condition cannot add two attributes, so their sum is kept as a third. An operation costs four
 * write units (a transaction over both items); a request is settled in the transaction that books
 * its slice (budget-actions.ts), which costs two a slice, and needs no operation of its own.
 */
export class DynamoBudgetStore implements BudgetStore {
  readonly #table: TableAccess;
  readonly #nowMs: () => number;

  constructor(table: TableAccess, nowMs: () => number) {
    this.#table = table;
    this.#nowMs = nowMs;
  }

  async reserve(ask: BudgetAsk): Promise<BudgetAnswer> {
    const { tenant, month, op, askedMicroUsd, limitMicroUsd } = ask;
    const room = limitMicroUsd - askedMicroUsd;
    if (room < 0) return { kind: 'exceeded', ...(await this.read(tenant, month)) };
    const update = {
      Update: {
        TableName: this.#table.name,
        Key: budgetKey(tenant, month),
        UpdateExpression: 'ADD #held :asked, #reserved :asked',
        ConditionExpression: 'attribute_not_exists(#held) OR #held <= :room',
        ExpressionAttributeNames: { '#held': 'held', '#reserved': 'reserved' },
        ExpressionAttributeValues: { ':asked': askedMicroUsd, ':room': room },
      },
    };
    const failed = await this.#writeOnce(tenant, month, op, update);
    return failed === 'write'
      ? { kind: 'exceeded', ...(await this.read(tenant, month)) }
      : { kind: 'reserved' };
  }

  async settle({ tenant, month, op, ...sums }: BudgetSettlement): Promise<void> {
    const { text, values } = settlementChange(sums);
    await this.#writeOnce(tenant, month, op, {
      Update: {
        TableName: this.#table.name,
        Key: budgetKey(tenant, month),
        UpdateExpression: text,
        ExpressionAttributeNames: NAMES,
        ExpressionAttributeValues: Object.fromEntries(
          Object.entries(values).map(([name, value]) => [`:${name}`, value]),
        ),
      },
    });
  }

  async read(tenant: string, month: string): Promise<BudgetState> {
    const { client, name, callAws } = this.#table;
    const key = budgetKey(tenant, month);
    const get = new GetCommand({ TableName: name, Key: key, ConsistentRead: true });
    const { Item: item } = await callAws(SERVICE, () => client.send(get));
    return {
      spentMicroUsd: Number(item?.['spent'] ?? 0),
      reservedMicroUsd: Math.max(0, Number(item?.['reserved'] ?? 0)),
    };
  }

  /** Writes unless the operation is known already; says what kept it from being written. */
  async #writeOnce(
    tenant: string,
    month: string,
    op: string,
    write: Writes[number],
  ): Promise<'operation' | 'write' | null> {
    const { client, name, callAws, random } = this.#table;
    const marker = {
      Put: {
        TableName: name,
        Item: {
          ...budgetKey(tenant, `${month}#${op}`),
          ttl: Math.ceil(this.#nowMs() / 1_000) + OPERATION_SECONDS,
        },
        ConditionExpression: 'attribute_not_exists(pk)',
      },
    };
    const command = new TransactWriteCommand({
      ClientRequestToken: transactionToken(random),
      TransactItems: [marker, write],
    });
    try {
      await callAws(SERVICE, () => client.send(command));
      return null;
    } catch (error) {
      const reasons = failedConditions(error);
      if (reasons[0] === true) return 'operation';
      if (reasons[1] === true) return 'write';
      throw error;
    }
  }
}

/** Which writes of a cancelled transaction met a condition that failed. */
function failedConditions(error: unknown): boolean[] {
  if (!isAwsError(error, 'TransactionCanceledException')) return [];
  if (!(error instanceof Error) || !('CancellationReasons' in error)) return [];
  const reasons = error.CancellationReasons;
  if (!Array.isArray(reasons)) return [];
  return reasons.map((reason: { Code?: string }) => reason.Code === 'ConditionalCheckFailed');
}
