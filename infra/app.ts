import { App } from 'aws-cdk-lib';
import { deploy } from './deployment.ts';
import { readSettings } from './settings.ts';

const app = new App();
const settings = readSettings(app.node.getAllContext(), process.cwd());
deploy(app, settings, process.env['AWS_ENDPOINT_URL']);
