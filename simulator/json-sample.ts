import { asArray, asString, isObject, type JsonObject } from './json.ts';
import { uniform } from './random.ts';

/** What a sample may draw on: seeded numbers, and the ids the prompt named. */
export interface SampleSource {
  readonly base: number;
  readonly ids: readonly string[];
}

interface Place {
  readonly source: SampleSource;
  readonly root: JsonObject;
  /** Position in the nearest array; picks the id and the enum value of this element. */
  readonly index: number;
  readonly depth: number;
  readonly property: string;
}

const MAX_DEPTH = 24;
const ID_NAME = /^(id|key|ref)$|(_id|Id|_key|Key)$/;
const WORDS = ['amber', 'brook', 'cedar', 'delta', 'ember', 'fjord', 'grove', 'haven'];

const FORMATS: Readonly<Record<string, string>> = {
  date: '2025-01-01',
  time: '12:00:00Z',
  'date-time': '2025-01-01T12:00:00Z',
  email: 'someone@example.com',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
};

/**
 * A value that satisfies a simple JSON schema: objects, arrays, strings, numbers, booleans, enums,
 * constants, unions (first branch) and local references. Array elements whose schema has an id
 * are produced one per id of the prompt; `pattern` and `not` are beyond it.
 */
export function sampleJson(schema: unknown, source: SampleSource): unknown {
  const root = isObject(schema) ? schema : {};
  return sample(root, { source, root, index: 0, depth: 0, property: '' });
}

function sample(schema: unknown, place: Place): unknown {
  if (!isObject(schema) || place.depth > MAX_DEPTH) return null;
  const deeper = { ...place, depth: place.depth + 1 };
  if ('const' in schema) return schema['const'];
  const values = asArray(schema['enum']);
  if (values && values.length > 0) return values[pick(place, values.length)];
  const reference = asString(schema['$ref']);
  if (reference !== undefined) return sample(resolve(reference, place.root), deeper);
  const branch = asArray(schema['anyOf'])?.[0] ?? asArray(schema['oneOf'])?.[0];
  if (branch !== undefined) return sample(branch, deeper);
  const parts = asArray(schema['allOf']);
  if (parts) {
    const merged = Object.fromEntries(parts.filter(isObject).flatMap(Object.entries));
    return sample(merged, deeper);
  }
  return sampleType(typeOf(schema), schema, deeper);
}

function sampleType(type: string, schema: JsonObject, place: Place): unknown {
  switch (type) {
    case 'object':
      return sampleObject(schema, place);
    case 'array':
      return sampleArray(schema, place);
    case 'integer':
    case 'number':
      return sampleNumber(schema, place, type === 'integer');
    case 'boolean':
      return pick(place, 2) === 1;
    case 'null':
      return null;
    default:
      return sampleString(schema, place);
  }
}

function sampleObject(schema: JsonObject, place: Place): JsonObject {
  const properties = schema['properties'];
  if (!isObject(properties)) return {};
  const entries = Object.entries(properties);
  return Object.fromEntries(
    entries.map(([property, value]) => [property, sample(value, { ...place, property })]),
  );
}

function sampleArray(schema: JsonObject, place: Place): unknown[] {
  const items = schema['items'];
  const least = numberOf(schema['minItems']) ?? 0;
  const most = numberOf(schema['maxItems']) ?? Number.POSITIVE_INFINITY;
  const { ids } = place.source;
  const natural = ids.length > 0 && hasId(items, place.root) ? ids.length : 2;
  const length = Math.min(most, Math.max(least, natural));
  return Array.from({ length }, (_, index) => sample(items, { ...place, index }));
}

function hasId(items: unknown, root: JsonObject): boolean {
  if (!isObject(items)) return false;
  const reference = asString(items['$ref']);
  const target = reference === undefined ? items : resolve(reference, root);
  const properties = isObject(target) ? target['properties'] : undefined;
  return isObject(properties) && Object.keys(properties).some((name) => ID_NAME.test(name));
}

function sampleNumber(schema: JsonObject, place: Place, isInteger: boolean): number {
  const exclusiveLow = numberOf(schema['exclusiveMinimum']);
  const exclusiveHigh = numberOf(schema['exclusiveMaximum']);
  const step = numberOf(schema['multipleOf']) ?? (isInteger ? 1 : 0.5);
  const low =
    numberOf(schema['minimum']) ?? (exclusiveLow === undefined ? undefined : exclusiveLow + step);
  const high =
    numberOf(schema['maximum']) ?? (exclusiveHigh === undefined ? undefined : exclusiveHigh - step);
  const first = Math.ceil((low ?? Math.min(0, high ?? 0)) / step) * step;
  const steps = Math.max(0, Math.floor(((high ?? first + 100 * step) - first) / step));
  const value = first + pick(place, steps + 1) * step;
  return low !== undefined && value < low ? low : value;
}

function sampleString(schema: JsonObject, place: Place): string {
  const format = FORMATS[asString(schema['format']) ?? ''];
  if (format !== undefined) return format;
  const id = place.source.ids[Math.min(place.index, place.source.ids.length - 1)];
  if (id !== undefined && ID_NAME.test(place.property)) return id;
  const most = numberOf(schema['maxLength']) ?? 32;
  const least = numberOf(schema['minLength']) ?? 0;
  const word = WORDS[pick(place, WORDS.length)] ?? 'amber';
  return word.slice(0, most).padEnd(least, '.');
}

function typeOf(schema: JsonObject): string {
  const { type } = schema;
  const named = asString(type) ?? asArray(type)?.find((one) => one !== 'null');
  if (typeof named === 'string') return named;
  if ('properties' in schema) return 'object';
  return 'items' in schema ? 'array' : 'string';
}

function resolve(reference: string, root: JsonObject): unknown {
  if (!reference.startsWith('#')) return undefined;
  let target: unknown = root;
  for (const step of reference.slice(1).split('/').slice(1)) {
    target = isObject(target)
      ? target[step.replaceAll('~1', '/').replaceAll('~0', '~')]
      : undefined;
  }
  return target;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/** Elements of one array differ: the position moves the draw. */
function pick({ source, depth, index, property }: Place, count: number): number {
  const stream = depth * 7_919 + property.length * 131 + 2_000;
  return (Math.floor(uniform(source.base, stream) * count) + index) % count;
}
