import { Stack } from 'aws-cdk-lib';
import { EVENT_SOURCE } from '../../shared/contracts/env-keys.ts';
import type { ServiceFunction } from './service-function.ts';

/** Lets a function tell of what has ended on the account's default bus, under our name only. */
export function allowEvents(fn: ServiceFunction): void {
  const bus = Stack.of(fn).formatArn({
    service: 'events',
    resource: 'event-bus',
    resourceName: 'default',
  });
  fn.allow(['events:PutEvents'], [bus], { StringEquals: { 'events:source': EVENT_SOURCE } });
}
