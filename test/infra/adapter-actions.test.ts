import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { statementsByFunction } from './permissions.ts';
import { synthesize } from './synthesize.ts';

/** What AWS asks for when a command is sent; for transactions it is what they consist of. */
const ACTIONS: Readonly<Record<string, string | null>> = {
  Get: 'dynamodb:GetItem',
  BatchGet: 'dynamodb:BatchGetItem',
  Query: 'dynamodb:Query',
  Put: 'dynamodb:PutItem',
  Update: 'dynamodb:UpdateItem',
  Delete: 'dynamodb:DeleteItem',
  TransactWrite: null,
  ConditionCheck: 'dynamodb:ConditionCheckItem',
  GetObject: 's3:GetObject',
  HeadObject: 's3:GetObject',
  PutObject: 's3:PutObject',
  // An upload in parts needs what its parts need.
  CreateMultipartUpload: 's3:PutObject',
  UploadPart: 's3:PutObject',
  CompleteMultipartUpload: 's3:PutObject',
  ListObjectsV2: 's3:ListBucket',
  PutEvents: 'events:PutEvents',
  SendMessage: 'sqs:SendMessage',
  SendMessageBatch: 'sqs:SendMessage',
  ChangeMessageVisibility: 'sqs:ChangeMessageVisibility',
};
const SERVICES = /^(dynamodb|s3|events):|^sqs:SendMessage/;

const source = readdirSync('shared/adapters', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(join('shared/adapters', file), 'utf8'))
  .join('\n');
const commands = [...source.matchAll(/new ([A-Za-z0-9]+?)(?:Items?)?Command\(/g)].map(
  ([, name = '']) => name,
);
const parts = [...source.matchAll(/\b(Put|Update|Delete|ConditionCheck): \{/g)].map(
  ([, name = '']) => name,
);
const granted = new Set(
  [...statementsByFunction(synthesize().service).values()]
    .flat()
    .flatMap(({ actions }) => actions)
    .filter((action) => SERVICES.test(action)),
);

describe('what adapters send', () => {
  it('is known here', () => {
    expect(commands.length).toBeGreaterThan(5);
    expect(Object.keys(ACTIONS)).toEqual(expect.arrayContaining(commands));
  });

  it('is granted, and nothing else is', () => {
    const used = [...commands, ...parts].flatMap((name) => ACTIONS[name] ?? []);
    expect([...granted].toSorted()).toEqual(
      [...new Set(used)].filter((action) => SERVICES.test(action)).toSorted(),
    );
  });
});
