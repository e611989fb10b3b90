import type { Template } from 'aws-cdk-lib/assertions';
import * as z from 'zod';
import { resourcesOf } from './synthesize.ts';

/** What one statement lets a function do. */
export interface Statement {
  readonly actions: readonly string[];
  /** `LogicalId.Arn`, `stack:Export`, or text, with `*` where it is written. */
  readonly resources: readonly string[];
  readonly conditions: unknown;
}

const listOf = (value: unknown) => (Array.isArray(value) ? value : [value]);

const policySchema = z.object({
  Roles: z.array(z.object({ Ref: z.string() })),
  PolicyDocument: z.object({
    Statement: z.array(
      z.object({
        Action: z.unknown(),
        Resource: z.unknown(),
        Condition: z.unknown().optional(),
        Effect: z.literal('Allow'),
      }),
    ),
  }),
});

/** All that each function may do, by its logical id. */
export function statementsByFunction(template: Template): Map<string, Statement[]> {
  const byRole = new Map<string, Statement[]>();
  for (const properties of resourcesOf(template, 'AWS::IAM::Policy').values()) {
    const { Roles: roles, PolicyDocument: document } = policySchema.parse(properties);
    for (const { Ref: role } of roles) {
      const statements = document.Statement.map(({ Action, Resource, Condition }) => ({
        actions: listOf(Action).map(String),
        resources: listOf(Resource).map(readable),
        conditions: Condition,
      }));
      byRole.set(role, [...(byRole.get(role) ?? []), ...statements]);
    }
  }
  return new Map(
    [...resourcesOf(template, 'AWS::Lambda::Function')].map(([id, { Role }]) => [
      id,
      byRole.get(Object(Role)['Fn::GetAtt'][0]) ?? [],
    ]),
  );
}

/** An ARN in a line: references by the names they go to. */
export function readable(value: unknown): string {
  if (typeof value === 'string') return value;
  const {
    'Fn::GetAtt': attribute,
    'Fn::ImportValue': imported,
    'Fn::Join': join,
    Ref,
  } = Object(value);
  if (attribute) return attribute.join('.');
  if (imported) return imported;
  if (Ref) return `<${Ref}>`;
  return join[1].map(readable).join(join[0]);
}
