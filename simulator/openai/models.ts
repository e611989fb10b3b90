import type { Problem } from '../call.ts';
import { unknownModel } from './errors.ts';

const CREATED_AT_SECONDS = 1_721_172_741;

/** GET /v1/models. */
export function listModels(names: readonly string[]): object {
  return { object: 'list', data: names.map(renderModel) };
}

/** GET /v1/models/{name}. */
export function findModel(names: readonly string[], name: string): object | Problem {
  return names.includes(name) ? renderModel(name) : unknownModel(name);
}

function renderModel(id: string): object {
  return { id, object: 'model', created: CREATED_AT_SECONDS, owned_by: 'simulator' };
}
