import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { readPartition } from './table/read-partition.ts';
import { SERVICE, type TableAccess } from './table/table-access.ts';

/** Partition of the models; the sort key is the model. */
const MODELS = 'MODELS';

/**
 * The models a deployment has met: what is kept by model has a partition for each, and the table
 * cannot be asked which there are.
 */
export class ModelsSeen {
  readonly #table: TableAccess;
  /** Stored already, as far as this process knows. */
  readonly #known = new Map<string, Promise<void>>();

  constructor(table: TableAccess) {
    this.#table = table;
  }

  /** Remembers a model for good: one write for each process and model. */
  async add(model: string): Promise<void> {
    const known = this.#known.get(model) ?? this.#put(model);
    this.#known.set(model, known);
    try {
      await known;
    } catch (error) {
      this.#known.delete(model);
      throw error;
    }
  }

  /** In alphabetical order. */
  async list(): Promise<string[]> {
    const models: string[] = [];
    for await (const { sk } of readPartition(this.#table, MODELS)) models.push(sk);
    return models;
  }

  async #put(model: string): Promise<void> {
    const { client, name, callAws } = this.#table;
    const put = new PutCommand({ TableName: name, Item: { pk: MODELS, sk: model } });
    await callAws(SERVICE, () => client.send(put));
  }
}
