import { readFileSync } from 'node:fs';
import { App, type AppProps } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as z from 'zod';
import { deploy } from '../../infra/deployment.ts';
import { readSettings, type Settings } from '../../infra/settings.ts';

const { context: flags } = z
  .object({ context: z.record(z.string(), z.unknown()) })
  .parse(JSON.parse(readFileSync('cdk.json', 'utf8')));

const CONFIG = { config: 'examples/aws/penstock.yaml' };

/** An app with the flags of cdk.json, in which nothing is bundled: templates do not need it. */
export function appWithoutBundles(props: AppProps = {}): App {
  const context = { ...flags, 'aws:cdk:bundling-stacks': [] };
  return new App({ analyticsReporting: false, ...props, context });
}

export function settingsWith(context: Readonly<Record<string, unknown>> = {}): Settings {
  return readSettings({ ...CONFIG, ...context }, process.cwd());
}

export interface Synthesized {
  readonly state: Template;
  readonly service: Template;
}

/** The templates of both stacks, with cdk-nag and the built-in rules satisfied. */
export function synthesize(
  context: Readonly<Record<string, unknown>> = {},
  endpoint?: string,
): Synthesized {
  const { state, service } = deploy(appWithoutBundles(), settingsWith(context), endpoint);
  return { state: Template.fromStack(state), service: Template.fromStack(service) };
}

/** A template as it is kept: without what changes with every change of code. */
export function withoutHashes(template: Template): unknown {
  const text = JSON.stringify(template.toJSON())
    .replace(/[0-9a-f]{64}/g, 'ASSET')
    .replace(/(Deployment[0-9A-F]{8})[0-9a-f]{32}/g, '$1HASH');
  return JSON.parse(text);
}

const resourceSchema = z.object({
  Properties: z.record(z.string(), z.unknown()).default({}),
  DeletionPolicy: z.string().optional(),
});

/** Properties of all resources of a type, by logical id. */
export function resourcesOf(
  template: Template,
  type: string,
): Map<string, Readonly<Record<string, unknown>>> {
  return new Map(
    Object.entries(template.findResources(type)).map(([id, resource]) => [
      id,
      resourceSchema.parse(resource).Properties,
    ]),
  );
}
