import { type App, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import type { Settings } from './settings.ts';
import { ServiceStack } from './stacks/service-stack.ts';
import { StateStack } from './stacks/state-stack.ts';

export interface Deployment {
  readonly state: StateStack;
  readonly service: ServiceStack;
}

/**
 * Puts the two stacks of a stage into an app, with cost tags on everything, and has cdk-nag look
 * at them: a finding that nobody acknowledged with a reason fails synthesis.
 *
 * `emulatorEndpoint` is where the emulator listens, when it is deployed to one.
 */
export function deploy(app: App, settings: Settings, emulatorEndpoint?: string): Deployment {
  const name = `penstock-${settings.stage}`;
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  const tags = { project: 'penstock', stage: settings.stage, ...settings.tags };
  for (const [tag, value] of Object.entries(tags)) Tags.of(app).add(tag, value);
  const state = new StateStack(app, 'State', {
    stackName: `${name}-state`,
    description: 'Penstock: requests, results and keys',
    settings,
  });
  const service = new ServiceStack(app, 'Service', {
    stackName: `${name}-service`,
    description: 'Penstock: the API, the dispatchers and what watches them',
    settings,
    state: state.state,
    service: name,
    emulatorEndpoint: settings.emulator ? emulatorEndpoint : undefined,
  });
  return { state, service };
}
