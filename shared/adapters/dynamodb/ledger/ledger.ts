import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { Clock } from '../../../ports/clock.ts';
import type { PayloadStore } from '../../../ports/payload-store.ts';
import type { Random } from '../../../ports/random.ts';
import { createAwsCaller } from '../../aws/call-aws.ts';
import { OpIds } from '../table/op-ids.ts';
import { Stamps } from '../table/stamps.ts';
import { Table } from '../table/table.ts';
import { Accepting } from './accept.ts';
import { AcceptInSteps } from './accept-in-steps.ts';
import { Booking } from './booking.ts';
import { Commits } from './commit.ts';
import { DraftWriter } from './draft-writer.ts';
import { HandBack } from './hand-back.ts';
import { Leasing } from './lease.ts';
import { Listing } from './list.ts';
import { OpenSlices } from './open-slices.ts';
import { DynamoRequestStore } from './request-store.ts';
import { SliceMemory } from './slice-memory.ts';
import { SliceReader } from './slice-reader.ts';
import { SliceWriter } from './slice-writer.ts';
import { Survey } from './survey.ts';
import { Views } from './views.ts';
import { DynamoWorkStore } from './work-store.ts';

export interface DynamoLedgerOptions {
  /** Made with `AWS_CLIENT_OPTIONS`: the ledger tries again by itself, and wants some 64 sockets. */
  readonly client: DynamoDBDocumentClient;
  /** Name of a table as `table-definition.ts` describes it. */
  readonly table: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Keeps what slices of several requests hold. */
  readonly payloads: PayloadStore;
  /** How long requests and their outcomes are kept. Unit: days. */
  readonly retentionDays: number;
  /**
   * Called before requests of an owner whose lease ran out are granted anew, once an owner and
   * lease call: the moment to publish what that owner answered and did not commit. A rejection
   * fails the lease.
   */
  readonly onLapsed?: (owner: string) => Promise<void>;
}

export interface DynamoLedger {
  readonly requests: DynamoRequestStore;
  readonly work: DynamoWorkStore;
}

/** The ledger of requests in one DynamoDB table, as callers and as workers use it. */
export function createDynamoLedger(options: DynamoLedgerOptions): DynamoLedger {
  const { client, clock, random, payloads, retentionDays, onLapsed } = options;
  const callAws = createAwsCaller({ clock, random });
  const table = new Table({ client, name: options.table, callAws, clock, random });
  const ops = new OpIds(random);
  const memory = new SliceMemory();
  const reader = new SliceReader(table, payloads, memory);
  const writer = new SliceWriter(table, ops);
  const open = new OpenSlices(table, reader);
  const booking = new Booking({ table, reader, memory, ops, random });
  const views = new Views(table, reader);
  const steps = new AcceptInSteps({ table, reader, ops });
  const stamps = new Stamps(clock);
  const drafts = new DraftWriter({ payloads, ops, stamps, clock, retentionDays });
  return {
    requests: new DynamoRequestStore({
      table,
      views,
      accepting: new Accepting({ table, drafts, open, views, steps }),
      listing: new Listing({ table, reader }),
      countsDeps: { table, reader, open },
    }),
    work: new DynamoWorkStore({
      leasing: new Leasing({ reader, writer, memory, open, booking, onLapsed }),
      commits: new Commits({ table, reader, writer, memory, booking, ops, random }),
      handBack: new HandBack({ reader, writer, memory }),
      survey: new Survey({ reader, open, booking }),
      steps,
    }),
  };
}
