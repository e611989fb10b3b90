import { describe, expect, it } from 'vitest';
import { type Statement, statementsByFunction } from './permissions.ts';
import { resourcesOf, synthesize } from './synthesize.ts';

const { service } = synthesize({ stage: 'prod' });
const functions = statementsByFunction(service);

/**
 * Every wildcard there is, reviewed. X-Ray has no resources to name. Objects are named when they
 * are written, and lie below `t/`. Secrets Manager ends the ARN of a secret in six characters of
 * its own.
 */
const REVIEWED = [
  /^\*$/,
  /^penstock-prod-state:ExportsOutputFnGetAttStatePayloadsBucket[0-9A-F]+Arn[0-9A-F]+\/t\/\*$/,
  /:secret:penstock\/(openai|anthropic)-\?{6}$/,
];
const XRAY = ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'];

const all = [...functions].flatMap(([id, statements]) =>
  statements.map((statement) => ({ ...statement, id })),
);

describe('what functions may do', () => {
  it('is this, and a change of it is to be reviewed', () => {
    expect(
      Object.fromEntries([...functions].map(([id, list]) => [id, list.map(line)])),
    ).toMatchSnapshot();
  });

  it('names every action', () => {
    expect(all.flatMap(({ actions }) => actions).filter((action) => action.includes('*'))).toEqual(
      [],
    );
  });

  it('names every resource, but for a reviewed list', () => {
    const wild = all
      .flatMap(({ resources }) => resources)
      .filter((resource) => /[*?]/.test(resource));
    const unknown = wild.filter((resource) => !REVIEWED.some((pattern) => pattern.test(resource)));
    expect(unknown).toEqual([]);
    for (const { resources, actions } of all.filter(({ resources }) => resources.includes('*'))) {
      expect(resources).toEqual(['*']);
      expect(actions.toSorted()).toEqual(XRAY.toSorted());
    }
  });

  it('comes from no managed policy', () => {
    for (const [id, role] of resourcesOf(service, 'AWS::IAM::Role')) {
      if (id.includes('CloudWatchRole')) continue;
      expect(role['ManagedPolicyArns'] ?? []).toEqual([]);
    }
  });

  it('is never to scan, to delete a bucket, or to see all secrets', () => {
    const actions = new Set(all.flatMap((statement) => statement.actions));
    for (const action of [
      'dynamodb:Scan',
      's3:DeleteObject',
      'secretsmanager:ListSecrets',
      'iam:PassRole',
    ]) {
      expect(actions).not.toContain(action);
    }
  });

  it('lets only the authorizer see the administrator key, and it reads keys alone', () => {
    const readers = all.filter(({ resources }) =>
      resources.some((one) => one.includes('AdminKey')),
    );
    expect(readers.map(({ id }) => id)).toEqual([expect.stringContaining('Authorize')]);
    const table = all.filter(
      ({ id, actions }) =>
        id.includes('Authorize') && actions.some((one) => one.startsWith('dynamodb:')),
    );
    expect(table).toEqual([
      expect.objectContaining({
        actions: ['dynamodb:GetItem'],
        conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['KEY#*'] } },
      }),
    ]);
  });

  it('lets only what calls providers see their keys', () => {
    const readers = all.filter(({ resources }) =>
      resources.some((one) => one.includes(':secret:penstock/')),
    );
    expect(
      new Set(
        readers.map(({ id }) =>
          id.replace(/.*(?=Dispatcher|NativeBatches)/, '').replace(/[0-9A-F]{8}$/, ''),
        ),
      ),
    ).toEqual(new Set(['DispatcherDispatchFunction', 'NativeBatchesPollFunction']));
  });
});

function line({ actions, resources, conditions }: Statement): string {
  const when = conditions === undefined ? '' : ` when ${JSON.stringify(conditions)}`;
  return `${actions.join(', ')} on ${resources.join(', ')}${when}`;
}
