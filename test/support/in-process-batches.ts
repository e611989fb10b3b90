/** The batch adapters over a `fetch` instead of sockets, so that days of batches take milliseconds. */

import { checkSettings } from '../../shared/adapters/providers/create-provider.ts';
import { anthropicBatches } from '../../shared/adapters/providers/native/anthropic-batches.ts';
import { HttpNativeBatches } from '../../shared/adapters/providers/native/http-native-batches.ts';
import { openAiBatches } from '../../shared/adapters/providers/native/openai-batches.ts';
import {
  type OpenedStream,
  type StreamRequest,
  StreamTransport,
} from '../../shared/adapters/providers/stream-transport.ts';
import {
  type Exchange,
  HttpTransport,
  type Received,
} from '../../shared/adapters/providers/transport.ts';
import type { NotReceived } from '../../shared/adapters/providers/transport-failure.ts';
import { notReceived } from '../../shared/adapters/providers/transport-failure.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { NativeBatchProvider } from '../../shared/ports/native-batch-provider.ts';

const ORIGIN = 'http://127.0.0.1:1';

export type BatchDialect = 'openai' | 'anthropic';

export function createInProcessBatches(
  name: string,
  dialect: BatchDialect,
  { fetch, clock }: { readonly fetch: typeof globalThis.fetch; readonly clock: Clock },
): NativeBatchProvider {
  const checked = checkSettings(name, { dialect, baseUrl: ORIGIN, apiKey: 'sk-in-process' });
  return new HttpNativeBatches({
    ...checked,
    name,
    native: dialect === 'openai' ? openAiBatches() : anthropicBatches(),
    transport: new FetchTransport(checked.wire, fetch),
    streams: new FetchStreams(checked.wire, fetch),
    clock,
  });
}

type Wire = ConstructorParameters<typeof HttpTransport>[0];

class FetchTransport extends HttpTransport {
  private readonly fetch: typeof globalThis.fetch;

  constructor(wire: Wire, fetch: typeof globalThis.fetch) {
    super(wire);
    this.fetch = fetch;
  }

  override async exchange(exchange: Exchange): Promise<Received | NotReceived> {
    const { method, path, body } = exchange;
    try {
      const sent = body === null || typeof body === 'string' ? body : await gather(body);
      const response = await this.fetch(`${ORIGIN}${path}`, {
        method,
        headers: pairs(exchange.headers),
        body: sent,
      });
      return {
        kind: 'received',
        statusCode: response.status,
        headers: Object.fromEntries(response.headers),
        text: await response.text(),
      };
    } catch (error) {
      return notReceived('lost', String(error), true);
    }
  }
}

class FetchStreams extends StreamTransport {
  private readonly fetch: typeof globalThis.fetch;

  constructor(wire: Wire, fetch: typeof globalThis.fetch) {
    super(wire);
    this.fetch = fetch;
  }

  override async open({ path, headers }: StreamRequest): Promise<OpenedStream | NotReceived> {
    const response = await this.fetch(`${ORIGIN}${path}`, { headers: pairs(headers) });
    const body = Buffer.from(await response.arrayBuffer());
    return {
      kind: 'opened',
      statusCode: response.status,
      headers: Object.fromEntries(response.headers),
      async *chunks() {
        yield body;
      },
    };
  }
}

async function gather(body: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

function pairs(flat: readonly string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, at) => [
    flat[at * 2] ?? '',
    flat[at * 2 + 1] ?? '',
  ]);
}
