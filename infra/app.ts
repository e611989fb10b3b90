import { App, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { readSettings } from './settings.ts';
import { ServiceStack } from './stacks/service-stack.ts';
import { StateStack } from './stacks/state-stack.ts';

const app = new App();
const settings = readSettings(app.node.getAllContext(), process.cwd());
const service = `penstock-${settings.stage}`;

Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
for (const [name, value] of Object.entries({
  project: 'penstock',
  stage: settings.stage,
  ...settings.tags,
})) {
  Tags.of(app).add(name, value);
}
const { state } = new StateStack(app, 'State', { stackName: `${service}-state`, settings });
new ServiceStack(app, 'Service', { stackName: `${service}-service`, settings, state, service });
