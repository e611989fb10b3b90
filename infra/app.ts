import { App } from 'aws-cdk-lib';
import { deploy } from './deployment.ts';
import { DeploymentFault } from './deployment-fault.ts';
import { readSettings } from './settings.ts';

const app = new App();
try {
  const settings = readSettings(app.node.getAllContext(), process.cwd());
  deploy(app, settings, process.env['AWS_ENDPOINT_URL']);
} catch (error) {
  if (!(error instanceof DeploymentFault)) throw error;
  // A stack trace would lead to code that is right.
  console.error(error.message);
  process.exit(2);
}
