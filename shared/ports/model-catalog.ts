import type { ModelSpec } from '../domain/sizes/model-spec.ts';

/** What is known of models: prices, limits, how their tokens are counted. */
export interface ModelCatalog {
  /**
   * The spec of a model by the name a request uses. Never throws and never answers nothing: of
   * an unknown model it says how its tokens are counted, and leaves out prices and limits.
   */
  find(model: string): ModelSpec;
}
