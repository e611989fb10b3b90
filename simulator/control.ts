import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseJson, readBody, sendJson } from './http.ts';
import { asInteger, isObject } from './json.ts';
import { checkOptions, InvalidOptionsError, type SimulatorOptions } from './options.ts';
import type { Stats } from './stats.ts';

/** What the control routes may ask of the running simulator. */
export interface Control {
  stats(): Stats;
  reset(): void;
  configure(patch: SimulatorOptions): void;
  advance(ms: number): Promise<void>;
}

const MAX_CONFIG_BYTES = 1_048_576;

/** Answers GET /_stats and POST to /_reset, /_config and /_advance; false when the route is not ours. */
export async function answerControl(
  request: IncomingMessage,
  response: ServerResponse,
  control: Control,
): Promise<boolean> {
  if (!request.url?.startsWith('/_')) return false;
  switch (`${request.method} ${request.url}`) {
    case 'GET /_stats':
      request.resume();
      sendJson(response, 200, control.stats());
      return true;
    case 'POST /_reset':
      request.resume();
      control.reset();
      sendJson(response, 200, { reset: true });
      return true;
    case 'POST /_config':
      await configure(request, response, control);
      return true;
    case 'POST /_advance':
      await advance(request, response, control);
      return true;
    default:
      request.resume();
      sendJson(response, 404, {
        error:
          'Unknown control route; there are GET /_stats, POST /_reset, POST /_config and POST /_advance.',
      });
      return true;
  }
}

async function configure(
  request: IncomingMessage,
  response: ServerResponse,
  control: Control,
): Promise<void> {
  const patch = parseJson((await readBody(request, MAX_CONFIG_BYTES)) ?? '');
  await answer(response, () => {
    if (!isPatch(patch))
      throw new InvalidOptionsError('The body must be a JSON object of options.');
    control.configure(patch);
    return { configured: Object.keys(patch) };
  });
}

async function advance(
  request: IncomingMessage,
  response: ServerResponse,
  control: Control,
): Promise<void> {
  const body = parseJson((await readBody(request, MAX_CONFIG_BYTES)) ?? '');
  await answer(response, async () => {
    const ms = isObject(body) ? asInteger(body['ms'], 0) : undefined;
    if (ms === undefined) throw new InvalidOptionsError('The body must be {"ms": milliseconds}.');
    await control.advance(ms);
    return { nowMs: control.stats().nowMs };
  });
}

/** Sends what `act` returns, or what was wrong with the request as a 400. */
async function answer(
  response: ServerResponse,
  act: () => object | Promise<object>,
): Promise<void> {
  try {
    sendJson(response, 200, await act());
  } catch (error) {
    if (!(error instanceof InvalidOptionsError)) throw error;
    sendJson(response, 400, { error: error.message });
  }
}

/** @throws {InvalidOptionsError} when it is an object but not of options. */
function isPatch(value: unknown): value is SimulatorOptions {
  if (typeof value !== 'object' || value === null) return false;
  checkOptions(value);
  return true;
}
