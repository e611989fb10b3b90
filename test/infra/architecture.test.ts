import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { statementsByFunction } from './permissions.ts';
import { resourcesOf, synthesize } from './synthesize.ts';

/** Names of the diagram, by what the logical id or ARN of a resource contains. */
const NAMES: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/InteractiveDeadLetterQueue/, 'interactiveDeadLetters'],
  [/BulkDeadLetterQueue/, 'bulkDeadLetters'],
  [/BatchesDeadLetterQueue/, 'batchDeadLetters'],
  [/BatchesQueue/, 'batches'],
  [/ValidateFunction/, 'validate'],
  [/InteractiveQueue/, 'interactive'],
  [/BulkQueue/, 'bulk'],
  [/KeysAuthorizeFunction/, 'authorize'],
  [/ServiceApiFunction/, 'api'],
  [/DispatchFunction/, 'dispatch'],
  [/SweepFunction/, 'sweep'],
  [/PollFunction/, 'poll'],
  [/RecordFunction/, 'record'],
  [/StateRequestsTable/, 'table'],
  [/StatePayloadsBucket/, 'bucket'],
  [/SecretsAdminKey/, 'adminKey'],
  [/SecretsPepper/, 'pepper'],
  [/:secret:/, 'providerKeys'],
  [/event-bus/, 'events'],
  [/ConfigurationParameter|penstock\.yaml/, 'config'],
];
const nameOf = (value: unknown): string | null => {
  const text = JSON.stringify(value);
  return NAMES.find(([pattern]) => pattern.test(text))?.[1] ?? null;
};

function synthesizedEdges(): Set<string> {
  const { service } = synthesize();
  const edges = new Set<string>();
  const add = (from: string | null, to: string | null): void => {
    if (from !== null && to !== null && from !== to) edges.add(`${from} --> ${to}`);
  };
  const each = (
    type: string,
    use: (properties: Readonly<Record<string, unknown>>, id: string) => void,
  ) => {
    for (const [id, properties] of resourcesOf(service, type)) use(properties, id);
  };
  each('AWS::ApiGateway::Method', ({ Integration }) => add('gateway', nameOf(Integration)));
  each('AWS::ApiGateway::Authorizer', ({ AuthorizerUri }) => add('gateway', nameOf(AuthorizerUri)));
  each('AWS::Events::Rule', ({ Targets }) => add('clock', nameOf(Targets)));
  each('AWS::SQS::Queue', ({ RedrivePolicy }, id) => {
    if (RedrivePolicy) add(nameOf(id), nameOf(RedrivePolicy));
  });
  const consumed = new Set<string>();
  each('AWS::Lambda::EventSourceMapping', ({ EventSourceArn, FunctionName }) => {
    add(nameOf(EventSourceArn), nameOf(FunctionName));
    consumed.add(`${nameOf(FunctionName)} --> ${nameOf(EventSourceArn)}`);
  });
  for (const [fn, statements] of statementsByFunction(service)) {
    for (const { actions, resources } of statements) {
      if (actions.some((action) => action.startsWith('logs:'))) continue;
      for (const resource of resources) {
        const edge = `${nameOf(fn)} --> ${nameOf(resource)}`;
        if (!consumed.has(edge)) add(nameOf(fn), nameOf(resource));
      }
    }
  }
  return edges;
}

function drawnEdges(): Set<string> {
  const document = readFileSync('docs/architecture.md', 'utf8');
  const section = document.split('## On AWS')[1] ?? '';
  const diagram = /```mermaid\n([\s\S]*?)```/.exec(section)?.[1] ?? '';
  const arrows = diagram.split('\n').flatMap((line) => {
    const [from, to] = line.split('-->').map((side) => side.split('&').map((name) => name.trim()));
    return from && to ? from.flatMap((one) => to.map((other) => `${one} --> ${other}`)) : [];
  });
  return new Set(arrows);
}

describe('the diagram of docs/architecture.md', () => {
  it('shows what is deployed: every connection, and none besides', () => {
    expect([...drawnEdges()].toSorted()).toEqual([...synthesizedEdges()].toSorted());
  });
});
