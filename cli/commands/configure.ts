import { type LoadedConfig, loadConfig } from '../../local/config/load-config.ts';
import { type ConfiguredModels, loadModels } from '../../shared/runtime/configured-models.ts';
import type { Terminal } from '../terminal.ts';

export interface ConfiguredCommand extends LoadedConfig {
  readonly models: ConfiguredModels;
  /** Names the configuration in errors. */
  readonly source: string;
}

/** Loads what every command that knows models needs. */
export async function configure(
  terminal: Terminal,
  options: { readonly config?: string; readonly concurrency?: number },
  needsKeys: boolean,
): Promise<ConfiguredCommand> {
  const { directory, environment } = terminal;
  const loaded = loadConfig({ path: options.config, directory, environment, needsKeys });
  const source = loaded.path ?? 'The environment';
  const { concurrency } = options;
  const models = await loadModels(loaded.config, { source, concurrency });
  return { ...loaded, models, source };
}
