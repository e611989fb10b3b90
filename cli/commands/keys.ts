import Table from 'cli-table3';
import type { Scope } from '../../shared/domain/api-key.ts';
import type { WireKey } from '../api-client/penstock-api.ts';
import { formatUsd } from '../format.ts';
import type { Terminal } from '../terminal.ts';
import { type ServerFlags, withServer } from './server-session.ts';

export interface CreateKeyFlags extends ServerFlags {
  readonly tenant: string;
  readonly name?: string;
  readonly scopes?: Scope[];
  /** Unit: micro-dollars. */
  readonly budget?: number;
}

/** Makes a key and prints it, this once; resolves to the exit code. */
export async function createKey(flags: CreateKeyFlags, terminal: Terminal): Promise<number> {
  const onInterrupted = () =>
    terminal.note('Interrupted. penstock keys list shows whether the key was made.');
  return withServer(flags, terminal, { say: terminal.note, onInterrupted }, async ({ api }) => {
    const { tenant, name, scopes, budget } = flags;
    const made = await api.createKey({
      tenant,
      ...(name === undefined ? {} : { name }),
      ...(scopes === undefined ? {} : { scopes }),
      ...(budget === undefined ? {} : { monthly_budget_micro_usd: budget }),
    });
    if (flags.json === true) terminal.print(JSON.stringify(made));
    else {
      terminal.print(made.key);
      terminal.note(
        `${made.id} of tenant ${made.tenant} (${made.scopes.join(', ')}). The key is shown this once; keep it where secrets are kept, e.g. in PENSTOCK_KEY.`,
      );
    }
    return 0;
  });
}

/** Lists all keys; resolves to the exit code. */
export async function listKeys(flags: ServerFlags, terminal: Terminal): Promise<number> {
  const options = { say: terminal.note, onInterrupted: () => {} };
  return withServer(flags, terminal, options, async ({ api }) => {
    const keys = await api.keys();
    if (flags.json === true) terminal.print(JSON.stringify({ keys }));
    else if (keys.length === 0) terminal.print('There are no keys.');
    else terminal.print(describeKeys(keys, terminal));
    return 0;
  });
}

/** Ends a key; resolves to the exit code. */
export async function revokeKey(
  id: string,
  flags: ServerFlags,
  terminal: Terminal,
): Promise<number> {
  const options = { say: terminal.note, onInterrupted: () => {} };
  return withServer(flags, terminal, options, async ({ api }) => {
    const key = await api.revokeKey(id);
    if (flags.json === true) terminal.print(JSON.stringify(key));
    else terminal.print(`${key.id} of tenant ${key.tenant} is revoked. Its requests stay.`);
    return 0;
  });
}

function describeKeys(keys: readonly WireKey[], { color }: Terminal): string {
  const table = new Table({
    head: ['id', 'tenant', 'name', 'scopes', 'a month', 'made', ''],
    style: { head: [], border: [] },
  });
  for (const key of keys) {
    const { monthly_budget_micro_usd: budget, revoked_at_ms: revokedAtMs } = key;
    table.push([
      key.id,
      key.tenant,
      key.name,
      key.scopes.join(', '),
      budget === null ? '' : formatUsd(budget),
      dayOf(key.created_at_ms),
      revokedAtMs === null ? '' : color.red(`revoked ${dayOf(revokedAtMs)}`),
    ]);
  }
  return table.toString();
}

function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
