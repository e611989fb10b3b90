/**
 * DynamoDB, S3 and SQS in this process, behind the wire: the SDK's clients serialise, sign and
 * parse as they do on AWS, and only the socket is missing. What they ask is kept faithfully, and
 * counted as AWS would bill it.
 */

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { QueueModel } from '../queue-model.ts';
import { FakeDynamoDb, ServiceFault } from './fake-dynamodb.ts';
import { FakeS3, type HttpReply } from './fake-s3.ts';

/** What of the SDK's request the fake reads. */
interface WireRequest {
  readonly method: string;
  readonly hostname: string;
  readonly path: string;
  readonly query: Record<string, unknown>;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

/** One call on its way: may be refused before it takes effect, or its answer lost after. */
export interface WireCall {
  readonly service: 'DynamoDB' | 'S3' | 'SQS';
  readonly operation: string;
}

export type Interference = (call: WireCall) => 'throttle' | 'lose_answer' | undefined;

const BUCKET = 'bucket';

export class FakeAws {
  readonly dynamo = new FakeDynamoDb();
  readonly s3 = new FakeS3();
  /** By the last part of their URL. */
  readonly queues = new Map<string, QueueModel>();
  /** Units of 64 KB that SQS would bill. */
  sqsUnits = 0;
  interfere: Interference = () => undefined;

  /** For the constructor of any client; endpoints and credentials are never used. */
  readonly clientOptions = {
    region: 'us-east-1',
    endpoint: `http://${BUCKET}.fake`,
    credentials: { accessKeyId: 'fake', secretAccessKey: 'fake' },
    requestHandler: {
      handle: async (request: WireRequest) => ({ response: await this.answer(request) }),
    },
  };

  queueUrl(queue: QueueModel): string {
    this.queues.set(queue.settings.name, queue);
    return `http://${BUCKET}.fake/000000000000/${queue.settings.name}`;
  }

  private async answer(request: WireRequest) {
    const reply = await this.reply(request);
    const headers = { 'content-type': 'application/x-amz-json-1.0', ...reply.headers };
    const bytes = reply.body ?? new Uint8Array(0);
    const isObject = request.headers['x-amz-target'] === undefined;
    // Objects come as streams, which is what the SDK reads them from.
    const body = isObject ? Readable.from(bytes.length === 0 ? [] : [bytes]) : bytes;
    return { statusCode: reply.status, headers, body };
  }

  private async reply(request: WireRequest): Promise<HttpReply> {
    const [target = '', operation = ''] = (request.headers['x-amz-target'] ?? '').split('.');
    if (target === '') return this.object(request);
    const service = target.startsWith('DynamoDB') ? 'DynamoDB' : 'SQS';
    const interference = this.interfere({ service, operation });
    if (interference === 'throttle') return json(400, { __type: 'ThrottlingException' });
    try {
      const input = JSON.parse(Buffer.from(await bytesOf(request.body)).toString());
      const output =
        service === 'DynamoDB' ? this.dynamo.handle(operation, input) : this.sqs(operation, input);
      if (interference === 'lose_answer') throw connectionReset();
      return json(200, output);
    } catch (error) {
      if (!(error instanceof ServiceFault)) throw error;
      if (interference === 'lose_answer') throw connectionReset();
      return json(400, { __type: `fake#${error.code}`, ...error.detail });
    }
  }

  private async object(request: WireRequest): Promise<HttpReply> {
    const operation = request.method === 'PUT' ? 'PutObject' : 'GetObject';
    const interference = this.interfere({ service: 'S3', operation });
    if (interference === 'throttle') {
      const body = Buffer.from('<Error><Code>SlowDown</Code></Error>');
      return { status: 503, headers: { 'content-type': 'application/xml' }, body };
    }
    const range = request.headers['range'];
    const path = decodeURIComponent(request.path).replace(/^\//, '');
    const key = path.startsWith(`${BUCKET}/`) ? path.slice(BUCKET.length + 1) : path;
    const reply = this.s3.handle(request.method, key, {
      query: request.query,
      ...(range === undefined ? {} : { range }),
      body: await bytesOf(request.body),
    });
    if (interference === 'lose_answer') throw connectionReset();
    return reply;
  }

  private sqs(operation: string, input: Record<string, unknown>): unknown {
    const queue = this.queues.get(String(input['QueueUrl']).split('/').at(-1) ?? '');
    if (queue === undefined) throw new ServiceFault('QueueDoesNotExist');
    if (operation === 'SendMessage') {
      const body = String(input['MessageBody']);
      return { MessageId: this.send(queue, [body])[0], MD5OfMessageBody: md5(body) };
    }
    if (operation === 'ChangeMessageVisibility') {
      queue.changeVisibility(
        String(input['ReceiptHandle']),
        Number(input['VisibilityTimeout']) * 1_000,
      );
      return {};
    }
    if (operation !== 'SendMessageBatch') throw new ServiceFault('InvalidAction');
    const entries = input['Entries'] as { Id: string; MessageBody: string }[];
    const ids = this.send(
      queue,
      entries.map(({ MessageBody }) => MessageBody),
    );
    return {
      Successful: entries.map(({ Id, MessageBody }, index) => ({
        Id,
        MessageId: ids[index],
        MD5OfMessageBody: md5(MessageBody),
      })),
      Failed: [],
    };
  }

  private send(queue: QueueModel, bodies: readonly string[]): string[] {
    const bytes = bodies.reduce((sum, body) => sum + Buffer.byteLength(body), 0);
    this.sqsUnits += Math.max(1, Math.ceil(bytes / 65_536));
    return queue.send(bodies);
  }
}

function json(status: number, value: unknown): HttpReply {
  return { status, body: Buffer.from(JSON.stringify(value)) };
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

function connectionReset(): Error {
  return Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
}

async function bytesOf(body: unknown): Promise<Uint8Array> {
  if (body === undefined || body === null) return new Uint8Array(0);
  if (body instanceof Uint8Array) return body;
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Readable) return buffer(body);
  throw new Error('A body of a kind that is not known here');
}
