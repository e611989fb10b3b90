import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import type { CapacityState } from '../../domain/capacity/capacity-state.ts';
import type { CapacityStore } from '../../ports/capacity-store.ts';
import { throttled } from '../aws/call-aws.ts';
import type { ModelsSeen } from './models-seen.ts';
import { batchGet, MOST_GETS } from './table/batch-get.ts';
import { SERVICE, type TableAccess } from './table/table-access.ts';

const SORT_KEY = 'C';
const PREFIX = 'CAPACITY#';

/** Writes kept by name in the item. More than can follow each other while one is tried again. */
const OPERATIONS_KEPT = 16;
const OPERATION_LETTERS = 8;
/** Mean wait after the second lost race; doubles with each. Unit: ms. */
const RACE_DELAY_MS = 4;
/** Unit: ms. */
const LONGEST_RACE_DELAY_MS = 250;
/** Races lost in a row after which a caller is told to come back. */
const MOST_RACES = 60;
interface Waiting {
  /** The step, which may run more than once; the value of the last run counts. */
  readonly run: (state: CapacityState | null) => CapacityState;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** A model's item as it was once. */
interface Version {
  /** 0 while there is no item. */
  readonly version: number;
  readonly state: CapacityState | null;
  /** Names of the latest writes, newest last. */
  readonly operations: readonly string[];
}

/** What this process does with one model: one write at a time, for all who wait. */
interface Lane {
  waiting: Waiting[];
  isBusy: boolean;
  /** What we wrote last. */
  last: Version | null;
  /** Nobody else was seen to write since: `last` needs no look before it is built upon. */
  isAlone: boolean;
}

const NOTHING: Version = { version: 0, state: null, operations: [] };

/**
 * What is known of each model's limits, as one item each: `CAPACITY#<model>`, `C`.
 *
 * A write is conditional on the version it was computed from, and leaves its name in the item.
 * The answer to a write can be lost after it took effect; sent again, it then fails its own
 * condition, and is told by its name among the latest. Steps that come while a write is under way
 * share the next one.
 */
export class DynamoCapacityStore implements CapacityStore {
  readonly #table: TableAccess;
  readonly #models: ModelsSeen;
  readonly #lanes = new Map<string, Lane>();

  constructor(table: TableAccess, models: ModelsSeen) {
    this.#table = table;
    this.#models = models;
  }

  transact<Value>(
    model: string,
    step: (state: CapacityState | null) => { state: CapacityState; value: Value },
  ): Promise<Value> {
    return new Promise((resolve, reject) => {
      let last: { readonly value: Value } | null = null;
      const run = (state: CapacityState | null) => {
        const taken = step(state);
        last = { value: taken.value };
        return taken.state;
      };
      const done = () => last && resolve(last.value);
      const lane = this.#laneOf(model);
      lane.waiting.push({ run, done, failed: reject });
      if (!lane.isBusy) void this.#drain(model, lane);
    });
  }

  async snapshot(): Promise<Map<string, CapacityState>> {
    const models = await this.#models.list();
    const states = new Map<string, CapacityState>();
    for (let start = 0; start < models.length; start += MOST_GETS) {
      const keys = models.slice(start, start + MOST_GETS).map(keyOf);
      for (const { pk, state } of await batchGet(this.#table, keys)) {
        states.set(pk.slice(PREFIX.length), parse(state));
      }
    }
    return states;
  }

  #laneOf(model: string): Lane {
    let lane = this.#lanes.get(model);
    if (lane === undefined) {
      lane = { waiting: [], isBusy: false, last: null, isAlone: false };
      this.#lanes.set(model, lane);
    }
    return lane;
  }

  async #drain(model: string, lane: Lane): Promise<void> {
    lane.isBusy = true;
    while (lane.waiting.length > 0) {
      const group = lane.waiting;
      lane.waiting = [];
      try {
        await this.#commit(model, lane, group);
      } catch (error) {
        for (const { failed } of group) failed(error);
      }
    }
    lane.isBusy = false;
  }

  async #commit(model: string, lane: Lane, group: readonly Waiting[]): Promise<void> {
    const { random } = this.#table;
    let seen = await this.#look(model, lane);
    let open = group;
    for (let race = 0; race < MOST_RACES; race += 1) {
      const applied = apply(seen.state, open);
      open = applied.open;
      if (applied.state === null) return;
      const name = random.id('').slice(0, OPERATION_LETTERS);
      const next: Version = {
        version: seen.version + 1,
        state: applied.state,
        operations: [...seen.operations, name].slice(-OPERATIONS_KEPT),
      };
      const found = await this.#write(model, next);
      if (found === null || found.operations.includes(name)) {
        lane.last = next;
        // Recognised late: others may have written since.
        if (found !== null) lane.isAlone = false;
        for (const { done } of open) done();
        return;
      }
      lane.isAlone = false;
      // What beat us is known at once. Later, only a new look is worth building upon.
      seen = race === 0 ? found : await this.#lookLater(model, lane, race);
    }
    throw throttled(SERVICE);
  }

  /** The version to build upon: our own last one while we are alone, else a fresh look. */
  async #look(model: string, lane: Lane): Promise<Version> {
    if (lane.isAlone && lane.last !== null) return lane.last;
    const { client, name, callAws } = this.#table;
    const get = new GetCommand({ TableName: name, Key: keyOf(model), ConsistentRead: true });
    const { Item: item } = await callAws(SERVICE, () => client.send(get));
    const seen = item ? versionOf(item['version'], item['state'], item['operations']) : NOTHING;
    lane.isAlone = seen.version === (lane.last ?? NOTHING).version;
    return seen;
  }

  async #lookLater(model: string, lane: Lane, race: number): Promise<Version> {
    const { clock, random } = this.#table;
    const meanMs = Math.min(LONGEST_RACE_DELAY_MS, RACE_DELAY_MS * 2 ** (race - 1));
    await clock.sleep(2 * meanMs * random.next());
    return this.#look(model, lane);
  }

  /** `null` when it was written, else what stands in its place. */
  async #write(model: string, next: Version): Promise<Version | null> {
    const { client, name, callAws } = this.#table;
    const isFirst = next.version === 1;
    if (isFirst) await this.#models.add(model);
    const put = new PutCommand({
      TableName: name,
      Item: {
        ...keyOf(model),
        version: next.version,
        state: JSON.stringify(next.state),
        operations: next.operations.join(' '),
      },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      ...(isFirst
        ? { ConditionExpression: 'attribute_not_exists(pk)' }
        : {
            ConditionExpression: 'version = :seen',
            ExpressionAttributeValues: { ':seen': next.version - 1 },
          }),
    });
    try {
      await callAws(SERVICE, () => client.send(put));
      return null;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      const { Item: item } = error;
      return item
        ? versionOf(item['version']?.N, item['state']?.S, item['operations']?.S)
        : NOTHING;
    }
  }
}

/** Runs the steps on each other's states. Those that throw are told, and left out. */
function apply(
  start: CapacityState | null,
  group: readonly Waiting[],
): { open: Waiting[]; state: CapacityState | null } {
  let state = start;
  const open = group.filter(({ run, failed }) => {
    try {
      state = run(state);
      return true;
    } catch (error) {
      failed(error);
      return false;
    }
  });
  return { open, state: open.length === 0 ? null : state };
}

function keyOf(model: string): { pk: string; sk: string } {
  return { pk: `${PREFIX}${model}`, sk: SORT_KEY };
}

function versionOf(version: unknown, state: unknown, operations: unknown): Version {
  return {
    version: Number(version),
    state: parse(String(state)),
    operations: String(operations).split(' '),
  };
}

/** Only `transact` writes the attribute, so it holds what the domain made. */
function parse(json: string): CapacityState {
  return JSON.parse(json);
}
