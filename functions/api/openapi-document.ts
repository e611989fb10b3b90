/** OpenAPI 3.1 from the routes' own schemas, made when somebody asks for it. */

import * as z from 'zod';

/** Content by its type. */
type Content = Readonly<Record<string, { readonly schema: z.ZodType }>>;

/** A route as its documentation has it, which is also where method and path come from. */
export interface RouteConfig {
  readonly method: 'get' | 'post' | 'delete';
  /** With parameters in braces. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  /** Empty for a route open to everybody. */
  readonly security?: readonly [];
  readonly request?: {
    readonly params?: z.ZodType;
    readonly query?: z.ZodType;
    readonly headers?: z.ZodType;
    readonly body?: { readonly content: Content };
  };
  /** By status, or `default`. */
  readonly responses: Readonly<Record<string | number, RouteResponse>>;
}

interface RouteResponse {
  readonly description: string;
  readonly headers?: z.ZodType;
  readonly content?: Content;
}

type JsonObject = Readonly<Record<string, unknown>>;

const INFO = {
  title: 'Penstock',
  version: '1',
  description:
    'Every request answered once, by the cheapest way that meets your deadline, as fast as your providers allow.',
};
const SECURITY_SCHEMES = { bearer: { type: 'http', scheme: 'bearer' } };

const DEFINITIONS = '#/$defs/';
const COMPONENTS = '#/components/schemas/';

/** The document that describes the routes. Schemas with an `id` are named, and stand there once. */
export function describeRoutes(routes: readonly RouteConfig[]): JsonObject {
  const schemas: Record<string, unknown> = {};
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const methods = paths[route.path] ?? {};
    paths[route.path] = methods;
    methods[route.method] = describeRoute(route, schemas);
  }
  return {
    openapi: '3.1.0',
    info: INFO,
    security: [{ bearer: [] }],
    components: { schemas, securitySchemes: SECURITY_SCHEMES },
    paths,
  };
}

function describeRoute(route: RouteConfig, schemas: Record<string, unknown>): JsonObject {
  const { summary, description, security, request = {}, responses } = route;
  const parameters = [
    ...describeParameters('path', request.params, schemas),
    ...describeParameters('query', request.query, schemas),
    ...describeParameters('header', request.headers, schemas),
  ];
  const described = Object.entries(responses).map(([status, response]) => [
    status,
    describeResponse(response, schemas),
  ]);
  return {
    summary,
    ...(description && { description }),
    ...(security && { security }),
    ...(parameters.length > 0 && { parameters }),
    ...(request.body && {
      requestBody: { content: describeContent(request.body.content, 'input', schemas) },
    }),
    responses: Object.fromEntries(described),
  };
}

function describeParameters(
  place: 'path' | 'query' | 'header',
  schema: z.ZodType | undefined,
  schemas: Record<string, unknown>,
): JsonObject[] {
  return propertiesOf(schema, 'input', schemas).map(
    ([name, { description, ...rest }, isRequired]) => ({
      name,
      in: place,
      ...(isRequired && { required: true }),
      ...(description !== undefined && { description }),
      schema: rest,
    }),
  );
}

function describeResponse(
  { description, headers, content }: RouteResponse,
  schemas: Record<string, unknown>,
): JsonObject {
  const described = propertiesOf(headers, 'output', schemas).map(([name, schema]) => [
    name,
    { schema },
  ]);
  return {
    description,
    ...(headers && { headers: Object.fromEntries(described) }),
    ...(content && { content: describeContent(content, 'output', schemas) }),
  };
}

function describeContent(
  content: Content,
  io: 'input' | 'output',
  schemas: Record<string, unknown>,
): JsonObject {
  const types = Object.entries(content).map(([type, { schema }]) => [
    type,
    { schema: toJson(schema, io, schemas) },
  ]);
  return Object.fromEntries(types);
}

/** Name and schema of each field of an object, and whether it must be there. */
function propertiesOf(
  schema: z.ZodType | undefined,
  io: 'input' | 'output',
  schemas: Record<string, unknown>,
): [string, JsonObject, boolean][] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = toJson(schema, io, schemas);
  return Object.entries(properties).map(([name, described]) => [
    name,
    described,
    required.includes(name),
  ]);
}

interface JsonSchema extends JsonObject {
  readonly properties?: Readonly<Record<string, JsonObject>>;
  readonly required?: readonly string[];
  readonly $defs?: Readonly<Record<string, unknown>>;
}

/** The schema alone; what it names goes to `schemas`. */
function toJson(
  schema: z.ZodType,
  io: 'input' | 'output',
  schemas: Record<string, unknown>,
): JsonSchema {
  const made = z.toJSONSchema(schema, {
    io,
    target: 'draft-2020-12',
    unrepresentable: 'any',
    override({ jsonSchema }) {
      // What we answer with may grow, and every whole number is within these bounds.
      const isClosed = jsonSchema.additionalProperties === false;
      if (io === 'output' && isClosed) delete jsonSchema.additionalProperties;
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  });
  const text = JSON.stringify(made).replaceAll(DEFINITIONS, COMPONENTS);
  const { $schema: _, $defs, id, ...rest }: JsonSchema = JSON.parse(text);
  for (const [name, definition] of Object.entries($defs ?? {})) schemas[name] = plain(definition);
  if (typeof id !== 'string') return rest;
  schemas[id] = rest;
  return { $ref: `${COMPONENTS}${id}` };
}

/** OpenAPI names a schema by where it stands. */
function plain(definition: unknown): unknown {
  if (typeof definition !== 'object' || definition === null || !('id' in definition)) {
    return definition;
  }
  const { id: _, ...rest } = definition;
  return rest;
}
