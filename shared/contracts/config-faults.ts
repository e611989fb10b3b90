/** What is wrong with a configuration, in words a person can act on. */

import * as z from 'zod';
import { closestName, didYouMean } from './closest-name.ts';
import { configSchema } from './config-schema.ts';
import {
  type ConfigPath,
  fieldOf,
  secretName,
  type UnsetVariable,
  VARIABLE_EXAMPLE,
} from './config-variables.ts';

/** One thing to mend: where it is, what is there, and what to write instead. Never holds a secret. */
export interface ConfigFault {
  readonly path: ConfigPath;
  readonly message: string;
}

/** Keys whose values are never repeated in a message. */
const SECRET_KEYS: ReadonlySet<string | number> = new Set([
  'apiKey',
  'apiKeys',
  'headers',
  'webhookSecret',
]);
const MOST_VALUE_CHARACTERS = 60;

/** An environment variable the configuration counts on. */
export function describeUnset({ path, variable }: UnsetVariable): ConfigFault {
  return {
    path,
    message: `environment variable ${variable} is not set; set it: export ${variable}=...`,
  };
}

/** One finding of the schema, for each key it concerns. */
export function describeIssue(issue: z.core.$ZodIssue, document: unknown): ConfigFault[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol');
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(path);
    return issue.keys.map((key) => ({
      path: [...path, key],
      message:
        closestName(key, known) === null
          ? `is not known here; known are ${known.join(', ')}`
          : `is not known.${didYouMean(key, known)}`,
    }));
  }
  const value = valueAt(document, path);
  if (value === undefined) return [{ path, message: `is missing; it ${issue.message}` }];
  return [
    { path, message: `${issue.message}${isSecret(path, value) ? '' : `; found ${show(value)}`}` },
  ];
}

/** What one part of the document says against another. Works on documents with other faults too. */
export function crossFaults(value: unknown, hasSecretStore: boolean): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const providers = entriesOf(fieldOf(value, 'providers'));
  for (const [name, provider] of providers) {
    const path = ['providers', name];
    const dialect = fieldOf(provider, 'dialect');
    if (dialect === 'azure-openai' && !fieldOf(provider, 'baseUrl')) {
      faults.push({
        path: [...path, 'baseUrl'],
        message: 'is missing; azure-openai has no default: write https://NAME.openai.azure.com',
      });
    }
    for (const key of ['organization', 'project', 'batchApi']) {
      if (dialect === 'openai' || fieldOf(provider, key) === undefined) continue;
      faults.push({ path: [...path, key], message: 'is only for dialect openai; leave it out' });
    }
    for (const key of ['apiKey', 'webhookSecret']) {
      if (secretName(fieldOf(provider, key)) === null || hasSecretStore) continue;
      faults.push({
        path: [...path, key],
        message: `refers to AWS Secrets Manager, which only the deployed service reads; on one machine write ${VARIABLE_EXAMPLE}`,
      });
    }
  }
  const names = providers.map(([name]) => name);
  const dialects = new Map(providers.map(([name, entry]) => [name, fieldOf(entry, 'dialect')]));
  for (const [name, model] of entriesOf(fieldOf(value, 'models'))) {
    const provider = fieldOf(model, 'provider');
    if (typeof provider === 'string' && names.length > 0 && !names.includes(provider)) {
      faults.push({
        path: ['models', name, 'provider'],
        message: `names ${JSON.stringify(provider)}, which is not among the providers ${names.join(', ')}.${didYouMean(provider, names)}`,
      });
    }
    const lanes = fieldOf(model, 'lanes');
    const dialect = typeof provider === 'string' ? dialects.get(provider) : undefined;
    if (Array.isArray(lanes) && lanes.includes('flex') && dialect === 'anthropic') {
      faults.push({
        path: ['models', name, 'lanes'],
        message: 'names flex, which Anthropic does not offer; write [live, native]',
      });
    }
  }
  return faults;
}

/** Keys the schema knows at a place in the document. */
function keysAt(path: ConfigPath): string[] {
  let schema: unknown = configSchema;
  for (const part of path) {
    schema = inner(schema);
    if (schema instanceof z.ZodObject) schema = schema.shape[part];
    else if (schema instanceof z.ZodRecord) schema = schema.valueType;
    else if (schema instanceof z.ZodArray) schema = schema.element;
  }
  const object = inner(schema);
  return object instanceof z.ZodObject ? Object.keys(object.shape) : [];
}

function inner(schema: unknown): unknown {
  return schema instanceof z.ZodExactOptional ? schema.unwrap() : schema;
}

function valueAt(document: unknown, path: ConfigPath): unknown {
  return path.reduce<unknown>((value, part) => fieldOf(value, part), document);
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

/** Also an address with a password in it. */
function isSecret(path: ConfigPath, value: unknown): boolean {
  if (path.some((part) => SECRET_KEYS.has(part))) return true;
  return typeof value === 'string' && value.includes('@');
}

function show(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? 'a list' : 'a mapping';
  const text = JSON.stringify(value);
  return text.length <= MOST_VALUE_CHARACTERS ? text : `${text.slice(0, MOST_VALUE_CHARACTERS)}…`;
}
