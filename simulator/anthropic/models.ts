import type { Problem } from '../call.ts';
import { anthropicProblem } from './errors.ts';

const CREATED_AT = '2025-10-01T00:00:00Z';

/** GET /v1/models, all on one page. */
export function listAnthropicModels(names: readonly string[]): object {
  return {
    data: names.map(renderModel),
    has_more: false,
    first_id: names[0] ?? null,
    last_id: names.at(-1) ?? null,
  };
}

/** GET /v1/models/{name}. */
export function findAnthropicModel(names: readonly string[], name: string): object | Problem {
  return names.includes(name)
    ? renderModel(name)
    : anthropicProblem(404, 'not_found_error', `model: ${name}`);
}

function renderModel(id: string): object {
  return { type: 'model', id, display_name: id, created_at: CREATED_AT };
}
