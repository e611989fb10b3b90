import type { LineModels } from '../../local/input/check-line.ts';
import { loadModelCatalog } from '../../shared/adapters/catalog/model-catalog.ts';
import type { Dialect } from '../../shared/contracts/config-schema.ts';
import type { ModelSettings } from '../../shared/domain/capacity/model-limits.ts';
import { createSizeRequest, type SizeRequest } from '../../shared/runtime/size-request.ts';
import type { PenstockApi, WireModel } from '../api-client/penstock-api.ts';

/** A server's models, asked for one by one as lines name them. */
export interface RemoteModels extends LineModels {
  /** Asks the server about a model, once. */
  learn(name: string): Promise<void>;
  /** Sizes requests by what the server says of its models. */
  readonly size: SizeRequest;
}

export async function createRemoteModels(api: PenstockApi): Promise<RemoteModels> {
  const catalog = await loadModelCatalog();
  const known = new Map<string, WireModel>();
  const unknown = new Map<string, string>();
  const learnt = new Map<string, Promise<void>>();
  const ask = async (name: string): Promise<void> => {
    const model = await api.model(name);
    if ('unknown' in model) unknown.set(name, model.unknown);
    else known.set(name, model);
  };
  const served = {
    find(name: string) {
      const spec = catalog.find(name);
      const { context_window: contextWindow, max_output_tokens: maxOutputTokens } =
        known.get(name)?.x_penstock ?? {};
      return {
        ...spec,
        ...(contextWindow == null ? {} : { contextWindow }),
        ...(maxOutputTokens == null ? {} : { maxOutputTokens }),
      };
    },
  };
  return {
    async learn(name) {
      if (known.has(name) || unknown.has(name)) return;
      const asking = learnt.get(name) ?? ask(name);
      learnt.set(name, asking);
      await asking;
    },
    get(name) {
      const model = known.get(name);
      return model && settingsOf(model);
    },
    dialectOf: ({ name }): Dialect | undefined => known.get(name)?.x_penstock.dialect,
    explainUnknown: (name) => unknown.get(name) ?? `model ${JSON.stringify(name)} is not known`,
    size: createSizeRequest(served, 'quick'),
  };
}

/** What can be said from outside: the limits are the server's affair. */
function settingsOf({ id, owned_by: provider, x_penstock: own }: WireModel): ModelSettings {
  return {
    name: id,
    provider,
    providerModel: id,
    charging: 'at_admission',
    limits: { perMinute: {} },
    lanes: own.lanes,
    price: null,
    contextWindow: own.context_window,
    maxOutputTokens: own.max_output_tokens,
  };
}
